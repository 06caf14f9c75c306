import Foundation
import Imaging
import Inspection

extension ContactSheet {
  /// The clearest hits and misses of an evaluation, with the score map laid over on the scale of the calibration.
  ///
  /// - Parameter each: pictures of each kind at most.
  public init(of result: ProductResult, each: Int = 6) throws {
    var parts = ClearestParts(each: each)
    for outcome in result.outcomes {
      let part = ClearestParts.Part(
        name: outcome.sample.file.lastPathComponent, label: outcome.sample.defect ?? "good",
        isGood: outcome.sample.isGood, verdict: outcome.verdict, score: Double(outcome.score ?? 0),
        threshold: Double(outcome.threshold))
      parts.count(part)
      parts.show(part) { try Self.overlay(outcome, result.calibration) }
    }
    try self.init(title: "\(result.product): the clearest hits and misses", parts)
  }

  private static func overlay(_ outcome: Outcome, _ calibration: Calibration) throws -> Picture {
    let picture = try Picture(contentsOf: outcome.sample.file)
    guard let scores = outcome.patchScores else { return picture }
    return HeatMap.overlay(
      picture: picture, map: scores, low: calibration.heatMap.low, high: calibration.heatMap.high)
  }
}
