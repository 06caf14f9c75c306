import Compute
import Foundation
import Imaging
import Inspection

extension FewShotEvaluation {
  /// A map with its ground truth, at the size that pixel metrics are taken on.
  private struct PixelSample {
    var defect: String?
    var map: Matrix
    var mask: Mask
  }

  func report(
    _ outcomes: [Outcome], references: [String], _ calibration: Calibration, seconds: Double
  ) throws -> ProductReport {
    let judged = outcomes.filter { $0.score != nil }
    let image = Self.ranking(judged)
    let pixels = try pixelSamples(judged)
    let pixel = Self.ranking(pixels)
    let overlap = RegionOverlap(pixels.map { ($0.map, $0.mask) })

    var defects: [String: ProductReport.Defect] = [:]
    for (kind, members) in Dictionary(
      grouping: judged.filter { !$0.sample.isGood }, by: { $0.sample.defect ?? "" })
    {
      defects[kind] = ProductReport.Defect(
        count: members.count, recall: Self.rejected(members),
        imageAUROC: Self.ranking(judged.filter { $0.sample.isGood } + members)?.auroc,
        pixelAUROC: Self.ranking(pixels.filter { $0.defect == nil || $0.defect == kind })?.auroc)
    }
    return ProductReport(
      references: references,
      testGood: judged.count { $0.sample.isGood },
      testDefective: judged.count { !$0.sample.isGood },
      withoutMask: judged.count { !$0.sample.isGood && $0.sample.mask == nil },
      undecidable: outcomes.count - judged.count,
      imageAUROC: image?.auroc, imageAP: image?.averagePrecision, imageF1Max: image?.f1Max,
      pixelAUROC: pixel?.auroc, pixelAP: pixel?.averagePrecision, pixelF1Max: pixel?.f1Max,
      aupro: overlap?.exact, aupro200: overlap?.with200Thresholds,
      threshold: Double(calibration.imageLimit.value),
      falseAlarmRate: Self.rejected(judged.filter { $0.sample.isGood }),
      recall: Self.rejected(judged.filter { !$0.sample.isGood }),
      defects: defects,
      framesPerSecond: seconds > 0 ? Double(outcomes.count) / seconds : nil)
  }

  /// The fraction called NG; nil of none.
  private static func rejected(_ outcomes: [Outcome]) -> Double? {
    outcomes.isEmpty ? nil : Double(outcomes.count { $0.verdict == .ng }) / Double(outcomes.count)
  }

  private static func ranking(_ outcomes: [Outcome]) -> RankingMetrics? {
    RankingMetrics(scores: outcomes.map { $0.score ?? .nan }, isAnomalous: outcomes.map { !$0.sample.isGood })
  }

  private static func ranking(_ samples: [PixelSample]) -> RankingMetrics? {
    RankingMetrics(scores: samples.flatMap(\.map.values), isAnomalous: samples.flatMap(\.mask.bits))
  }

  private func pixelSamples(_ outcomes: [Outcome]) throws -> [PixelSample] {
    let side = options.mapSide
    // Without any ground truth there is nothing to measure, and the maps need not be made.
    guard outcomes.contains(where: { $0.sample.mask != nil }) else { return [] }
    return try outcomes.compactMap { outcome in
      guard let patches = outcome.patchScores, outcome.sample.isGood || outcome.sample.mask != nil else {
        return nil
      }
      let mask: Mask
      if let file = outcome.sample.mask {
        do {
          mask = try Mask(contentsOf: file).resized(width: side, height: side)
        } catch {
          throw DataSetError("\(file.path): \(error)")
        }
      } else {
        mask = Mask(width: side, height: side)
      }
      return PixelSample(
        defect: outcome.sample.defect,
        map: patches.upsampled(rows: side, columns: side).smoothed(sigma: options.mapSigma), mask: mask)
    }
  }
}
