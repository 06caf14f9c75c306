import Messaging

/// Latencies and scores between two statistics messages.
struct ReportingWindow {
  let begin: UTCTimestamp = .now
  private var latencies: [Double] = []
  private var scores: [Double] = []

  /// A minute at a thousand frames a second; beyond that the later frames of the window do not count.
  private static let limit = 60_000

  /// - Parameter latency: from exposure to message, in milliseconds.
  mutating func add(latency: Double, score: Double?) {
    guard latencies.count < Self.limit else { return }
    latencies.append(latency)
    if let score { scores.append(score) }
  }

  var latency: StatsMessage.Latency? {
    let sorted = latencies.sorted()
    guard let max = sorted.last else { return nil }
    return StatsMessage.Latency(
      p50: sorted.quantile(0.5), p90: sorted.quantile(0.9), p99: sorted.quantile(0.99), max: max)
  }

  /// - Parameters:
  ///   - calibrated: the scores of good parts at calibration.
  ///   - threshold: the one in use.
  func score(calibrated: [Float]?, threshold: Float?) -> StatsMessage.ScoreSummary? {
    guard !scores.isEmpty else { return nil }
    let sorted = scores.sorted()
    let median = sorted.quantile(0.5)
    var drift: Double?
    if let calibrated, !calibrated.isEmpty, let threshold, threshold > 0 {
      drift = (median - calibrated.map(Double.init).sorted().quantile(0.5)) / Double(threshold)
    }
    return StatsMessage.ScoreSummary(median: median, p95: sorted.quantile(0.95), drift: drift)
  }
}

extension [Double] {
  /// The smallest value that at least this fraction of the values do not exceed. The array is sorted and not empty.
  func quantile(_ fraction: Double) -> Double {
    self[Swift.min(count - 1, Swift.max(0, Int((fraction * Double(count)).rounded(.up)) - 1))]
  }
}
