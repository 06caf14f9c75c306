import Compute
import Foundation
import Imaging
import Inspection
import TestSupport
import Testing
import Transformer

@testable import Evaluation

/// A stand-in for a vision transformer: each patch's mean colour beside a constant.
private struct MeanColourEncoder: ImageEncoder {
  let modelHash = String(repeating: "c", count: 64)
  let configuration = ImageTowerConfiguration(
    patchSize: 14, width: 16, depth: 1, heads: 1, mlpWidth: 8, activation: .gelu, layerNormEpsilon: 1e-6,
    hasPreNorm: false, gridRows: 4, gridColumns: 4, positionInterpolation: .bicubic, embeddingWidth: nil,
    mean: [0, 0, 0], standardDeviation: [1, 1, 1])

  func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens {
    let rows = picture.height / 14
    let columns = picture.width / 14
    var tokens = Matrix(rows: rows * columns, columns: 16)
    for y in 0..<rows * 14 {
      for x in 0..<columns * 14 {
        for channel in 0..<3 {
          tokens[y / 14 * columns + x / 14, channel] +=
            Float(picture.pixels[(y * picture.width + x) * 3 + channel]) / (255 * 196)
        }
      }
    }
    for row in 0..<tokens.rows { tokens[row, 3] = 0.5 }
    return PatchTokens(gridRows: rows, gridColumns: columns, features: [tokens], classTokens: [])
  }
}

@Suite struct FewShotEvaluationTests {
  private let made: MadeProduct
  private let evaluation = FewShotEvaluation(
    encoder: MeanColourEncoder(), search: .reference,
    options: EvaluationOptions(
      shots: 4, seeds: [1],
      scoring: ScoringOptions(
        inputWidth: 70, inputHeight: 70, taps: [TokenTap(block: 1)], views: .one, imageScore: .maximum),
      falseAlarmRate: 0.2))

  init() throws { made = try MadeProduct() }

  @Test func anEasyProductIsMeasuredAsEasy() throws {
    var progress: [EvaluationProgress] = []
    let (report, results) = try evaluation.run(try DataSet(contentsOf: made.folder.url)) {
      progress.append($0)
    }
    let plate = try #require(report.perClass["plate"])
    #expect(plate.references.count == 4 && plate.testGood == 5 && plate.testDefective == 5)
    #expect(plate.withoutMask == 1 && plate.undecidable == 1)
    for metric in [Metric.imageAUROC, .imageAP, .imageF1Max, .recall] {
      #expect(plate.measured[metric] == 1, "\(metric)")
    }
    for (metric, least) in [(Metric.pixelAUROC, 0.95), (.pixelAP, 0.5), (.aupro, 0.8), (.aupro200, 0.5)] {
      #expect((plate.measured[metric] ?? 0) > least, "\(metric)")
    }
    #expect(plate.defects["spot"]?.count == 4)
    #expect(plate.defects["spot"]?.pixelAUROC == plate.measured[.pixelAUROC])
    #expect(plate.defects["spot_nomask"]?.pixelAUROC == nil && plate.defects["spot_nomask"]?.imageAUROC == 1)
    #expect((plate.framesPerSecond ?? 0) > 0)
    #expect(report.measured == plate.measured && report.deviations.isEmpty && report.published.isEmpty)
    #expect(results[0].outcomes.count == 11)
    #expect(results[0].outcomes.last?.verdict == .undecidable)
    // Nine pictures have a known ground truth, and each is gone through twice.
    #expect(
      progress.last == EvaluationProgress(product: "plate", seed: 1, stage: .measuring(done: 18, of: 18)))
    for stage in [EvaluationProgress.Stage.calibrating(done: 4, of: 4), .judging(done: 11, of: 11)] {
      #expect(progress.contains { $0.stage == stage })
    }
  }

  @Test func theReportIsJSONWithNullForWhatIsUnknown() throws {
    var set = try DataSet(contentsOf: made.folder.url)
    for index in set.products[0].tests.indices { set.products[0].tests[index].mask = nil }
    let report = try evaluation.run(set).report
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(EvaluationReport.self, from: data) == report)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    for key in ["pixel_auroc", "pixel_ap", "pixel_f1_max", "aupro", "aupro_200_thresholds"] {
      #expect(object[key] is NSNull, "\(key)")
    }
    #expect(object["image_auroc"] as? Double == 1 && object["seed"] as? Int == 1)
    #expect(object["schema"] as? String == "assayd.evaluation/2")
    #expect(object["frames_per_second"] is Double)
    let perClass = try #require(object["per_class"] as? [String: [String: Any]])
    #expect(perClass["plate"]?["pixel_auroc"] is NSNull && perClass["plate"]?["image_auroc"] as? Double == 1)
  }

  @Test func meansAreOverProducts() throws {
    var set = try DataSet(contentsOf: made.folder.url)
    var second = set.products[0]
    second.name = "without masks"
    for index in second.tests.indices { second.tests[index].mask = nil }
    set.products.append(second)
    let report = try evaluation.run(set).report
    #expect(report.perClass.count == 2)
    // Only one product has the value.
    #expect(report.measured[.pixelAUROC] == report.perClass["plate"]?.measured[.pixelAUROC])
  }

  @Test func severalDrawsGiveMeansAndDeviations() throws {
    var options = evaluation.options
    options.seeds = [5, 1, 3]
    let evaluation = FewShotEvaluation(
      encoder: MeanColourEncoder(), search: .reference, options: options)
    let set = try DataSet(contentsOf: made.folder.url)
    let (report, results) = try evaluation.run(set)
    #expect(report.seeds == [1, 3, 5] && results.map(\.seed) == [5, 1, 3])
    #expect(Set(results.map(\.report.references)).count == 3)
    let values = try results.map { try #require($0.report.measured[.aupro]) }
    let mean = values.reduce(0, +) / 3
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2
    #expect(abs((report.measured[.aupro] ?? 0) - mean) < 1e-12)
    #expect(variance > 0 && abs((report.deviations[.aupro] ?? 0) - variance.squareRoot()) < 1e-12)
    #expect(report.perClass["plate"]?.deviations == report.deviations)

    // A draw by itself gives the same numbers, and joined they are the same report.
    let single = try options.seeds.map { seed in
      var options = options
      options.seeds = [seed]
      return try FewShotEvaluation(encoder: MeanColourEncoder(), search: .reference, options: options)
        .run(set).report
    }
    let joined = try EvaluationReport.merge(single)
    #expect(joined.count == 1 && joined[0].measured == report.measured)
    #expect(joined[0].deviations == report.deviations && joined[0].settings == report.settings)
    #expect(throws: DataSetError.self) { try EvaluationReport.merge(single + [single[1]]) }
  }

  @Test func resultsOfAnotherKindAreNotJoined() throws {
    let set = try DataSet(contentsOf: made.folder.url)
    let one = try evaluation.run(set).report
    var options = evaluation.options
    options.pixels = .winCLIP
    let other = try FewShotEvaluation(encoder: MeanColourEncoder(), search: .reference, options: options)
      .run(set).report
    #expect(other.settings.pixelProtocol.side == nil && one.settings.pixelProtocol.side == 128)
    let error = #expect(throws: DataSetError.self) { try EvaluationReport.merge([one, other]) }
    #expect(error?.description.contains("of one kind") == true)
    // Another number of references makes a table of its own.
    options = evaluation.options
    options.shots = 2
    let fewer = try FewShotEvaluation(encoder: MeanColourEncoder(), search: .reference, options: options)
      .run(set).report
    #expect(try EvaluationReport.merge([one, fewer]).map(\.settings.shots) == [2, 4])
  }

  @Test func anIncompleteDrawDoesNotCountForTheMean() throws {
    let report = try evaluation.run(try DataSet(contentsOf: made.folder.url)).report
    let plate = try #require(report.perClass["plate"])
    var worse = plate
    worse.measured[.imageAUROC] = 0.5
    let joined = EvaluationReport(
      settings: report.settings,
      runs: [
        .init(seed: 0, perClass: ["plate": plate, "lid": worse]), .init(seed: 1, perClass: ["plate": worse]),
      ], notes: [])
    #expect(joined.incompleteSeeds == [1])
    #expect(joined.measured[.imageAUROC] == 0.75 && joined.deviations.isEmpty)
    #expect(joined.perClass["plate"]?.measured[.imageAUROC] == 0.75)
    #expect(EvaluationTables(joined).notes.contains { $0.contains("Seed 1 has 1 of 2 products") })
  }

  @Test func anUnreadablePictureIsNamed() throws {
    let file = made.folder.url.appending(path: "plate/test/good/3.png")
    try Data("no picture".utf8).write(to: file)
    let error = #expect(throws: DataSetError.self) {
      try evaluation.run(try DataSet(contentsOf: made.folder.url))
    }
    #expect(error?.description.contains("good/3.png") == true)
  }

  @Test func theContactSheetShowsHitsAndMisses() throws {
    let result = try evaluation.run(try DataSet(contentsOf: made.folder.url)).results[0]
    let sheet = try ContactSheet(of: result, each: 3)
    #expect(sheet.sections.map(\.title).prefix(2) == ["Defects found: 5", "Defects missed: 0"])
    #expect(sheet.sections[0].cells.count == 3 && sheet.sections[1].cells.isEmpty)
    #expect(sheet.sections[0].cells[0].caption[1].hasPrefix("ng"))
    // Clearest first.
    let scores = result.outcomes.filter { !$0.sample.isGood }.compactMap(\.score).sorted(by: >)
    #expect(sheet.sections[0].cells[0].caption[1].contains(String(format: "%.3f (", scores[0])))

    let picture = try sheet.picture()
    for name in ["sheet.png", "sheet.jpg"] {
      let file = made.folder.file(name)
      try sheet.write(to: file)
      let read = try Picture(contentsOf: file)
      #expect(read.width == picture.width && read.height == picture.height)
      #expect(name.hasSuffix("jpg") || read == picture)
    }
    // The frame of the first cell, and the heat map: the red defect has glowed into another colour.
    #expect(colour(picture, 15, 75 + 3) == [46, 140, 70])
  }

  @Test func thePageHoldsEverythingItShows() throws {
    // A name that would break the page where it is not escaped.
    var set = try DataSet(contentsOf: made.folder.url)
    set.products[0].name = "<b>plate & \"lid\"</b>"
    let (report, results) = try evaluation.run(set)
    let page = try EvaluationPage(title: "a < b", report: report, results: results).html()
    #expect(
      page.contains("<h2>&lt;b&gt;plate &amp; &quot;lid&quot;&lt;/b&gt;</h2>") && !page.contains("<b>plate"))
    for forbidden in ["<script", "http:", "https:", "<link", "@import", "url("] {
      #expect(!page.contains(forbidden), "\(forbidden)")
    }
    // Two curve plots and a histogram; five good and five judged defective parts, each once.
    #expect(page.ranges(of: "<svg").count == 3)
    #expect(page.ranges(of: "<div class=\"tiles\">").count == 10)
    let wrong = results[0].outcomes.count { $0.score != nil && ($0.verdict == .ng) == $0.sample.isGood }
    #expect(page.ranges(of: "<div class=\"case wrong\">").count == wrong)
    #expect(page.ranges(of: "alt=\"ground truth\"").count == 4)
    #expect(page.ranges(of: ">no ground truth<").count == 1 && page.ranges(of: ">good part<").count == 5)
    #expect(page.contains("5 good") && page.contains("5 defective"))
    let file = made.folder.file("page.html")
    try EvaluationPage(title: "a < b", report: report, results: results).write(to: file)
    #expect(try String(contentsOf: file, encoding: .utf8) == page)
    let first = try #require(page.firstRange(of: "base64,"))
    let data = try #require(Data(base64Encoded: String(page[first.upperBound...].prefix { $0 != "\"" })))
    let jpeg = made.folder.file("1.jpg")
    try data.write(to: jpeg)
    let picture = try Picture(contentsOf: jpeg)
    #expect(picture.width == 208 && picture.height == 208)
  }

  @Test func tablesSetPublishedFiguresBesideOurs() throws {
    var set = try DataSet(contentsOf: made.folder.url)
    set.products[0].name = "mvtec-bottle"
    let tables = EvaluationTables(try evaluation.run(set).report)
    #expect(tables.rows.map(\.kind) == [.product, .published, .published, .published])
    #expect(tables.rows.allSatisfy { $0.cells.count == tables.header.count })
    #expect(tables.rows[1].cells[0] == "  PromptAD (published)")
    #expect(tables.rows[1].cells[3] == "99.8" && tables.rows[1].cells[5].isEmpty)
    #expect(tables.defects.map { $0[1] } == ["spot", "spot_nomask"])
    let lines = tables.markdown.split(separator: "\n").map { String($0) }
    #expect(lines.contains { $0.hasPrefix("| *PromptAD (published)* |  |  | 99.8 |") })
    #expect(lines.contains { $0.hasPrefix("| mvtec-bottle | 5 | 5 | 100.0 |") })
    #expect(lines.contains { $0.contains("not measured here") && $0.contains("CVPR 2024") })
    let columns = Set(lines.filter { $0.hasPrefix("|") }.map { $0.count { $0 == "|" } })
    #expect(columns == [tables.header.count + 1, tables.defectHeader.count + 1])
  }

  @Test func captionsOfAnyKindAreDrawn() throws {
    let picture = Picture(width: 30, height: 90, pixels: [UInt8](repeating: 200, count: 8100))
    let cell = ContactSheet.Cell(
      picture: picture, caption: ["a\nb\0c \u{1F600}", String(repeating: "very long ", count: 40)],
      frame: ContactSheet.red)
    let plain = try ContactSheet(title: "", sections: [.init(title: "", cells: [])], columns: 2).picture()
    let full = try ContactSheet(
      title: "t", sections: [.init(title: "s", cells: [cell, cell, cell])], columns: 2
    )
    .picture()
    #expect(full.width == plain.width && full.height > plain.height)
    // The tall picture stands in the middle of its cell, the frame fills the rest.
    #expect(colour(full, 14 + 100, 44 + 30 + 100) == [200, 200, 200])
    #expect(colour(full, 14 + 10, 44 + 30 + 100) == [200, 40, 40])
    // Dark pixels below the picture: the caption is there.
    let caption = (14..<214).flatMap { x in (44 + 30 + 202..<44 + 30 + 236).map { colour(full, x, $0)[0] } }
    #expect(caption.contains { $0 < 100 })
  }

  @Test func theCalibrationPlotShowsTheThreshold() throws {
    let calibration = try evaluation.run(try DataSet(contentsOf: made.folder.url)).results[0].calibration
    let plot = try CalibrationPlot(calibration).picture()
    #expect(plot.width == CalibrationPlot.width && plot.height == CalibrationPlot.height)
    // One red line across, above every blue dot (the highest score is the threshold here).
    let rows = (0..<plot.height).filter { y in
      (80..<600).count { colour(plot, $0, y) == [200, 40, 40] } > 400
    }
    let dots = (0..<plot.height).filter { y in
      (64..<600).contains { colour(plot, $0, y) == [31, 119, 180] }
    }
    #expect(!rows.isEmpty && rows.count <= 3)
    #expect((dots.first ?? 0) >= (rows.first ?? 999) - 5 && dots.count > 4)
    let file = made.folder.file("plot.png")
    try CalibrationPlot(calibration).write(to: file)
    #expect(try Picture(contentsOf: file) == plot)
  }

  private func colour(_ picture: Picture, _ x: Int, _ y: Int) -> [UInt8] {
    Array(picture.pixels[(y * picture.width + x) * 3..<(y * picture.width + x) * 3 + 3])
  }
}
