/// How well scores rank what is anomalous above what is normal: exact, ties grouped, counts in 64 bits.
///
/// Definitions as in scikit-learn: `roc_auc_score`, `average_precision_score`, and the highest F1 over
/// `precision_recall_curve`.
public struct RankingMetrics: Sendable, Codable, Equatable {
  /// P(anomalous > normal) + P(equal) / 2.
  public let auroc: Double
  /// Average precision: the sum of precision times gain in recall over the distinct scores, not interpolated.
  public let averagePrecision: Double
  /// The highest F1 of any threshold; it knows the labels, so no station reaches it by itself.
  public let f1Max: Double
  /// The score at and above which F1 is highest; the highest such score.
  public let f1Threshold: Float

  private enum CodingKeys: String, CodingKey {
    case auroc
    case averagePrecision = "ap"
    case f1Max = "f1_max"
    case f1Threshold = "f1_threshold"
  }

  /// - Parameters:
  ///   - scores: higher is more anomalous.
  ///   - isAnomalous: one a score.
  /// - Returns: nil where there is nothing to rank: no anomalous or no normal score, or one that is NaN.
  public init?(scores: [Float], isAnomalous: [Bool]) {
    precondition(scores.count == isAnomalous.count, "One label a score.")
    let positives = isAnomalous.count { $0 }
    let negatives = isAnomalous.count - positives
    guard positives > 0, negatives > 0, !scores.contains(where: \.isNaN) else { return nil }

    var truePositives = 0
    var falsePositives = 0
    // Twice the number of pairs in the right order, equal ones counted once: an integer, so nothing is rounded.
    var doubledPairs: UInt64 = 0
    var precisionSum = 0.0
    var best = (f1: -1.0, threshold: Float(0))
    RankedScores(scores, labels: isAnomalous.map { $0 ? 1 : 0 }).forEachTie { score, labels in
      let positive = labels.count { $0 == 1 }
      let negative = labels.count - positive
      doubledPairs += UInt64(negative) * UInt64(2 * truePositives + positive)
      truePositives += positive
      falsePositives += negative
      let precision = Double(truePositives) / Double(truePositives + falsePositives)
      precisionSum += precision * Double(positive)
      let f1 = 2 * Double(truePositives) / Double(truePositives + falsePositives + positives)
      if f1 > best.f1 { best = (f1, score) }
    }
    auroc = Double(doubledPairs) / 2 / Double(positives) / Double(negatives)
    averagePrecision = precisionSum / Double(positives)
    f1Max = best.f1
    f1Threshold = best.threshold
  }
}
