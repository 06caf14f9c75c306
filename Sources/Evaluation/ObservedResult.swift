public import Inspection

/// A result of a station as somebody at the broker saw it arrive.
public struct ObservedResult: Sendable, Equatable {
  /// The same in every copy of the message.
  public var id: String
  public var line: String
  public var part: String?
  public var verdict: Verdict
  /// `good`, the kind of defect, or nil where nobody knows.
  public var expected: String?
  public var score: Double?
  /// The part is `ng` above it.
  public var threshold: Double?
  /// Nanoseconds since 1970 in UTC; nil where the time of exposure is not known.
  public var exposure: Int64?
  /// Nanoseconds since 1970 in UTC, by the clock of the computer it arrived at.
  public var arrival: Int64
  /// It came later than live, so that its arrival says nothing about the station's speed.
  public var isReplayed: Bool

  public init(
    id: String, line: String, part: String? = nil, verdict: Verdict, expected: String? = nil,
    score: Double? = nil, threshold: Double? = nil, exposure: Int64?, arrival: Int64, isReplayed: Bool = false
  ) {
    self.id = id
    self.line = line
    self.part = part
    self.verdict = verdict
    self.expected = expected
    self.score = score
    self.threshold = threshold
    self.exposure = exposure
    self.arrival = arrival
    self.isReplayed = isReplayed
  }

  public var isGood: Bool? { expected.map { $0 == "good" } }

  /// From exposure to arrival, in milliseconds; nil for what came late.
  public var latency: Double? {
    isReplayed ? nil : exposure.map { Double(arrival - $0) / 1e6 }
  }

  /// The score as a fraction of the threshold, which makes lines comparable.
  var relativeScore: Double? {
    guard let score, let threshold, threshold > 0 else { return nil }
    return score / threshold
  }
}
