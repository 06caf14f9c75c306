import Inspection

/// What the results of some time come to, per line and in all.
///
/// It keeps every result it was given, some 200 bytes each: without all scores there is no exact AUROC.
public struct ResultSummary: Sendable {
  private var results: [ObservedResult] = []
  private var seen: Set<String> = []

  public init() {}

  /// Takes a result in, unless it is a copy of one it has.
  ///
  /// - Returns: whether it was new.
  @discardableResult
  public mutating func add(_ result: ObservedResult) -> Bool {
    guard seen.insert(result.id).inserted else { return false }
    results.append(result)
    return true
  }

  /// - Parameter frames: by line, what the station itself counts.
  public func report(frames: [String: ResultReport.Frames] = [:]) -> ResultReport {
    let byLine = Dictionary(grouping: results, by: \.line)
    var lines: [String: ResultReport.Part] = [:]
    for line in Set(byLine.keys).union(frames.keys) {
      lines[line] = ResultReport.Part(byLine[line] ?? [], score: \.score, frames: frames[line])
    }
    // Scores of different recipes are on different scales; their thresholds bring them together.
    var total = ResultReport.Part(
      results, score: \.relativeScore, frames: frames.isEmpty ? nil : frames.values.reduce(.init(), +))
    let rates = lines.values.compactMap(\.framesPerSecond)
    total.framesPerSecond = rates.isEmpty ? nil : rates.reduce(0, +)
    return ResultReport(lines: lines, total: total)
  }
}

/// The numbers of a `ResultSummary`. Unknown is null.
public struct ResultReport: Sendable, Codable, Equatable {
  public struct Verdicts: Sendable, Codable, Equatable {
    public var ok = 0
    public var ng = 0
    public var undecidable = 0
    public var error = 0

    init(_ results: some Sequence<ObservedResult>) {
      for result in results {
        switch result.verdict {
        case .ok: ok += 1
        case .ng: ng += 1
        case .undecidable: undecidable += 1
        case .error: error += 1
        }
      }
    }

    public var sum: Int { ok + ng + undecidable + error }
  }

  /// Milliseconds; of n sorted values the one at place ceil(p·n).
  public struct Latency: Sendable, Codable, Equatable {
    public var p50: Double
    public var p99: Double
  }

  /// Frames by the station's own count, since it started.
  public struct Frames: Sendable, Codable, Equatable {
    public var captured: UInt64
    public var judged: UInt64
    /// Overtaken by a newer frame before they were judged.
    public var replaced: UInt64
    /// By reason.
    public var rejected: [String: UInt64]

    public init(
      captured: UInt64 = 0, judged: UInt64 = 0, replaced: UInt64 = 0, rejected: [String: UInt64] = [:]
    ) {
      self.captured = captured
      self.judged = judged
      self.replaced = replaced
      self.rejected = rejected
    }

    static func + (left: Frames, right: Frames) -> Frames {
      Frames(
        captured: left.captured + right.captured, judged: left.judged + right.judged,
        replaced: left.replaced + right.replaced,
        rejected: left.rejected.merging(right.rejected, uniquingKeysWith: +))
    }
  }

  public struct Part: Sendable, Codable, Equatable {
    /// Verdicts on parts that are known to be good.
    public var good: Verdicts
    /// Verdicts on parts that are known to have a defect.
    public var defective: Verdicts
    /// Verdicts on all other parts.
    public var unlabelled: Verdicts
    /// Of the good and defective parts that have a score; in all lines together, of scores as fractions of their
    /// thresholds.
    @Nullable public var imageAUROC: Double?
    /// Results a second from the first arrival to the last, those that came late left out; of all lines, the sum.
    @Nullable public var framesPerSecond: Double?
    /// From exposure to arrival, results that came late left out. Both clocks must agree: use one machine.
    @Nullable public var latency: Latency?
    @Nullable public var frames: Frames?

    private enum CodingKeys: String, CodingKey {
      case good, defective, unlabelled, frames
      case imageAUROC = "image_auroc"
      case framesPerSecond = "frames_per_second"
      case latency = "latency_ms"
    }

    init(_ results: [ObservedResult], score: (ObservedResult) -> Double?, frames: Frames?) {
      good = Verdicts(results.filter { $0.isGood == true })
      defective = Verdicts(results.filter { $0.isGood == false })
      unlabelled = Verdicts(results.filter { $0.isGood == nil })
      let scored = results.compactMap { result -> (score: Float, isDefective: Bool)? in
        guard let isGood = result.isGood, let score = score(result) else { return nil }
        return (Float(score), !isGood)
      }
      imageAUROC = RankingMetrics(scores: scored.map(\.score), isAnomalous: scored.map(\.isDefective))?.auroc
      let arrivals = results.filter { !$0.isReplayed }.map(\.arrival)
      if let first = arrivals.min(), let last = arrivals.max(), last > first {
        framesPerSecond = Double(arrivals.count - 1) / (Double(last - first) * 1e-9)
      } else {
        framesPerSecond = nil
      }
      let latencies = results.compactMap(\.latency).sorted()
      func quantile(_ fraction: Double) -> Double {
        latencies[max(0, Int((fraction * Double(latencies.count)).rounded(.up)) - 1)]
      }
      latency = latencies.isEmpty ? nil : Latency(p50: quantile(0.5), p99: quantile(0.99))
      self.frames = frames
    }

    public var results: Int { good.sum + defective.sum + unlabelled.sum }
  }

  public var schema = "assayd.summary/1"
  public var lines: [String: Part]
  public var total: Part

  init(lines: [String: Part], total: Part) {
    self.lines = lines
    self.total = total
  }
}
