/// How well scores rank what is anomalous above what is normal: exact, ties grouped, counts in 64 bits.
///
/// Definitions as in scikit-learn: `roc_auc_score`, `average_precision_score`, and the highest F1 over
/// `precision_recall_curve`.
public struct RankingMetrics: Sendable, Equatable {
  /// P(anomalous > normal) + P(equal) / 2.
  public let auroc: Double
  /// Average precision: the sum of precision times gain in recall over the distinct scores, not interpolated.
  public let averagePrecision: Double
  /// The highest F1 of any threshold; it knows the labels, so no station reaches it by itself.
  public let f1Max: Double
  /// The score at and above which F1 is highest; the highest such score.
  public let f1Threshold: Float
  /// Recall over the rate of false alarms, thinned for drawing.
  public let curve: RateCurve

  /// - Parameters:
  ///   - scores: higher is more anomalous.
  ///   - isAnomalous: one a score.
  /// - Returns: nil where there is nothing to rank: no anomalous or no normal score, or one that is NaN.
  public init?(scores: [Float], isAnomalous: [Bool]) {
    precondition(scores.count == isAnomalous.count, "One label a score.")
    var ranked = RankedScores(anomalous: zip(scores, isAnomalous).filter(\.1).map(\.0))
    for (score, isAnomalous) in zip(scores, isAnomalous) where !isAnomalous { ranked.count(normal: score) }
    self.init(ranked)
  }

  init?(_ ranked: RankedScores) {
    let positives = ranked.anomalousCount
    let negatives = ranked.normalCount
    guard positives > 0, negatives > 0, !ranked.holdsNaN else { return nil }

    var truePositives = 0
    var falsePositives = 0
    // Twice the number of pairs in the right order, equal ones counted once: an integer, so nothing is rounded.
    var doubledPairs: UInt64 = 0
    var precisionSum = 0.0
    var best = (f1: -1.0, threshold: Float(0))
    var curve = RateCurve()
    func point() -> (Double, Double) {
      (Double(falsePositives) / Double(negatives), Double(truePositives) / Double(positives))
    }
    ranked.forEachThreshold { step in
      doubledPairs += UInt64(step.normalAbove) * UInt64(2 * truePositives)
      falsePositives += step.normalAbove
      curve.append(point())
      let positive = step.labels.count
      doubledPairs += UInt64(step.normalAt) * UInt64(2 * truePositives + positive)
      truePositives += positive
      falsePositives += step.normalAt
      curve.append(point())
      let precision = Double(truePositives) / Double(truePositives + falsePositives)
      precisionSum += precision * Double(positive)
      let f1 = 2 * Double(truePositives) / Double(truePositives + falsePositives + positives)
      if f1 > best.f1 { best = (f1, step.score) }
    }
    doubledPairs += UInt64(ranked.normalBelow) * UInt64(2 * truePositives)
    curve.finish()
    auroc = Double(doubledPairs) / 2 / Double(positives) / Double(negatives)
    averagePrecision = precisionSum / Double(positives)
    f1Max = best.f1
    f1Threshold = best.threshold
    self.curve = curve
  }
}

/// A curve over the rate of false positives from (0, 0) to (1, 1), with no more points than can be seen.
public struct RateCurve: Sendable, Equatable {
  public struct Point: Sendable, Equatable {
    /// Of what is normal, the fraction above the threshold.
    public var rate: Double
    public var value: Double
  }

  public private(set) var points = [Point(rate: 0, value: 0)]
  private var pending: Point?

  /// Steps smaller than this are joined.
  private static let resolution = 0.002

  /// - Parameter point: not below the last one on either axis.
  mutating func append(_ point: (rate: Double, value: Double)) {
    let point = Point(rate: point.rate, value: point.value)
    let last = points[points.count - 1]
    if point.rate - last.rate >= Self.resolution || point.value - last.value >= Self.resolution {
      // The corner before a jump is part of the shape.
      if let pending, pending != last { points.append(pending) }
      points.append(point)
      pending = nil
    } else {
      pending = point
    }
  }

  mutating func finish() {
    if let pending { points.append(pending) }
    pending = nil
    points.append(Point(rate: 1, value: 1))
  }
}
