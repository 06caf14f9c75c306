import Foundation
import Imaging
import Inspection

extension FewShotEvaluation {
  func result(
    of product: String, seed: UInt64, _ outcomes: [Outcome], references: [String], _ calibration: Calibration,
    preparing: Duration, judging: Duration, progress: (_ done: Int, _ of: Int) throws -> Void
  ) throws -> ProductResult {
    let judged = outcomes.filter { $0.score != nil }
    let good = judged.filter { $0.sample.isGood }
    let defective = judged.filter { !$0.sample.isGood }
    let image = Self.ranking(judged)
    let pixels = try pixelMetrics(judged, progress)

    var measured = Measurements()
    measured[.imageAUROC] = image?.auroc
    measured[.imageAP] = image?.averagePrecision
    measured[.imageF1Max] = image?.f1Max
    measured[.pixelAUROC] = pixels?.ranking?.auroc
    measured[.pixelAP] = pixels?.ranking?.averagePrecision
    measured[.pixelF1Max] = pixels?.ranking?.f1Max
    measured[.aupro] = pixels?.overlap?.exact
    measured[.aupro200] = pixels?.overlap?.with200Thresholds
    measured[.falseAlarmRate] = Self.rejected(good)
    measured[.recall] = Self.rejected(defective)

    var defects: [String: ProductReport.Defect] = [:]
    for (kind, members) in Dictionary(grouping: defective, by: { $0.sample.defect ?? "" }) {
      defects[kind] = ProductReport.Defect(
        count: members.count, recall: Self.rejected(members), imageAUROC: Self.ranking(good + members)?.auroc,
        pixelAUROC: pixels?.aurocByKind[kind])
    }
    let report = ProductReport(
      references: references, testGood: good.count, testDefective: defective.count,
      withoutMask: defective.count { $0.sample.mask == nil }, undecidable: outcomes.count - judged.count,
      measured: measured, threshold: Double(calibration.imageLimit.value), defects: defects,
      preparingSeconds: preparing / .seconds(1), judgingSeconds: judging / .seconds(1))
    return ProductResult(
      product: product, seed: seed, report: report, calibration: calibration, outcomes: outcomes,
      image: image,
      pixel: pixels?.ranking, overlap: pixels?.overlap)
  }

  /// The fraction called NG; nil of none.
  private static func rejected(_ outcomes: [Outcome]) -> Double? {
    outcomes.isEmpty ? nil : Double(outcomes.count { $0.verdict == .ng }) / Double(outcomes.count)
  }

  private static func ranking(_ outcomes: [Outcome]) -> RankingMetrics? {
    RankingMetrics(scores: outcomes.map { $0.score ?? .nan }, isAnomalous: outcomes.map { !$0.sample.isGood })
  }

  /// Nil without any ground truth: then there is nothing to measure, and the maps need not be made.
  private func pixelMetrics(
    _ judged: [Outcome], _ progress: (_ done: Int, _ of: Int) throws -> Void
  ) throws -> PixelMetrics? {
    let known = judged.filter { $0.sample.isGood || $0.sample.mask != nil }
    guard known.contains(where: { $0.sample.mask != nil }) else { return nil }
    var done = 0
    return try PixelMetrics(count: known.count) { index in
      let outcome = known[index]
      let (width, height) = (outcome.width, outcome.height)
      guard let patches = outcome.patchScores else {
        throw DataSetError("\(outcome.sample.file.path): the method delivers no score map.")
      }
      let mask = try outcome.sample.mask.map { file in
        do {
          return options.pixels.mask(try Mask(contentsOf: file), width: width, height: height)
        } catch {
          throw DataSetError("\(file.path): \(error)")
        }
      }
      done += 1
      try progress(done, 2 * known.count)
      return PixelMetrics.Sample(
        kind: outcome.sample.defect,
        map: options.pixels.map(patchScores: patches, width: width, height: height), mask: mask)
    }
  }
}
