import Foundation

extension Calibration.Limit {
  /// What is assumed about good parts before any of this recipe was seen, with the weight of so many scores: the
  /// logarithms of their scores have a standard deviation of 0.15. On the products this was measured on it is 0.07
  /// to 0.2 where one kind of part is made one way, and up to 0.5 where it is not.
  static let priorDeviation = 0.15
  static let priorDegrees = 8.0

  /// The limit that a good part's value exceeds at most at `rate`, from the values of other good parts.
  init(above values: [Float], rate: Double, evidence: Calibration.Evidence) {
    let sorted = values.sorted()
    let count = sorted.count
    // Among count + 1 exchangeable values each rank of the new one is equally likely, so it exceeds the value at
    // this rank with probability 1 - rank / (count + 1) <= rate. The subtrahend forgives rounding in the product.
    let rank = Int((Double(count + 1) * (1 - rate) - 1e-9).rounded(.up))
    if rank <= count && evidence != .heldOutViews {
      self.init(
        value: sorted[rank - 1], basis: .conformal, rank: rank,
        promisedRate: 1 - Double(rank) / Double(count + 1))
    } else {
      self.init(
        value: max(Self.predictionLimit(sorted, rate: rate), sorted[count - 1]), basis: .extrapolated,
        rank: nil,
        promisedRate: evidence == .heldOutViews ? nil : 1 / Double(count + 1))
    }
  }

  /// The upper prediction limit of one more value when the logarithms are normally distributed: the mean plus
  /// t(1 - rate, degrees) x deviation x sqrt(1 + 1 / n), where the deviation is pooled from the values (n - 1
  /// degrees of freedom) and the prior.
  static func predictionLimit(_ values: [Float], rate: Double) -> Float {
    // A score of zero has no logarithm; nothing real is closer to its reference than this.
    let logs = values.map { log(max(Double($0), 1e-6)) }
    let count = Double(logs.count)
    let mean = logs.reduce(0, +) / count
    let squares = logs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let degrees = priorDegrees + count - 1
    let deviation = ((priorDegrees * priorDeviation * priorDeviation + squares) / degrees).squareRoot()
    let t = StudentT.quantile(1 - rate, degrees: degrees)
    return Float(exp(mean + t * deviation * (1 + 1 / count).squareRoot()))
  }
}
