/// What became of every frame a source captured: `captured == delivered + superseded + rejected`, at any moment.
public struct SourceCounters: Sendable, Equatable, Codable {
  /// Frames taken from the driver or the folder, good or bad.
  public internal(set) var captured: UInt64 = 0
  /// Returned by `next()`, or about to be.
  public internal(set) var delivered: UInt64 = 0
  /// Good, but a fresher one waited behind it when the capture thread came to look.
  public internal(set) var superseded: UInt64 = 0
  /// Captured and unusable, by reason.
  public internal(set) var rejected: [FrameFault: UInt64] = [:]
  /// Never captured: gaps in the driver's sequence numbers.
  public internal(set) var dropped: UInt64 = 0
  /// How often the camera was opened again after a fault, successfully or not.
  public internal(set) var reopened: UInt64 = 0

  public init() {}

  public var rejectedTotal: UInt64 { rejected.values.reduce(0, +) }

  mutating func reject(_ fault: FrameFault) {
    captured += 1
    rejected[fault, default: 0] += 1
  }

  /// The sum over sources that a line had one after the other.
  public static func + (left: Self, right: Self) -> Self {
    var sum = left
    sum.captured += right.captured
    sum.delivered += right.delivered
    sum.superseded += right.superseded
    sum.dropped += right.dropped
    sum.reopened += right.reopened
    sum.rejected.merge(right.rejected, uniquingKeysWith: +)
    return sum
  }
}
