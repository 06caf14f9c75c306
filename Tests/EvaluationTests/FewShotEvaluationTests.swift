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

/// Writes a data set of green parts whose defects are red squares.
private struct MadeProduct {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for number in 0..<6 { try write(Self.part(UInt64(number)), "train/good/\(number).png") }
    for number in 0..<5 { try write(Self.part(UInt64(100 + number)), "test/good/\(number).png") }
    for number in 0..<4 {
      try write(Self.part(UInt64(200 + number), redAt: 10 * number), "test/spot/\(number).png")
      var mask = Picture(width: 70, height: 70, pixels: [UInt8](repeating: 0, count: 70 * 70 * 3))
      Self.square(&mask, at: 10 * number, (255, 255, 255))
      try write(mask, "ground_truth/spot/\(number)_mask.png")
    }
    try write(Self.part(300, redAt: 5), "test/spot_nomask/0.png")
    try write(
      Picture(width: 70, height: 70, pixels: [UInt8](repeating: 9, count: 70 * 70 * 3)),
      "test/spot_nomask/1.png")
  }

  private func write(_ picture: Picture, _ path: String) throws {
    let file = folder.url.appending(path: "plate/\(path)")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(try picture.pngData()).write(to: file)
  }

  private static func square(_ picture: inout Picture, at corner: Int, _ colour: (UInt8, UInt8, UInt8)) {
    for y in corner..<corner + 20 {
      for x in corner..<corner + 20 {
        let pixel = (y * 70 + x) * 3
        (picture.pixels[pixel], picture.pixels[pixel + 1], picture.pixels[pixel + 2]) = colour
      }
    }
  }

  private static func part(_ seed: UInt64, redAt corner: Int? = nil) -> Picture {
    var generator = SeededGenerator(seed: seed)
    var picture = Picture(
      width: 70, height: 70,
      pixels: (0..<70 * 70).flatMap { _ in
        [40, 150, 60].map { UInt8(clamping: $0 + Int.random(in: -20...20, using: &generator)) }
      })
    if let corner { square(&picture, at: corner, (220, 30, 30)) }
    return picture
  }
}

@Suite struct FewShotEvaluationTests {
  private let made: MadeProduct
  private let evaluation = FewShotEvaluation(
    encoder: MeanColourEncoder(), search: .reference,
    options: EvaluationOptions(
      shots: 4, seed: 1,
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
    #expect(plate.imageAUROC == 1 && plate.imageAP == 1 && plate.imageF1Max == 1 && plate.recall == 1)
    #expect((plate.pixelAUROC ?? 0) > 0.95 && (plate.aupro ?? 0) > 0.8 && (plate.aupro200 ?? 0) > 0.5)
    #expect(plate.defects["spot"]?.count == 4 && plate.defects["spot"]?.pixelAUROC == plate.pixelAUROC)
    #expect(plate.defects["spot_nomask"]?.pixelAUROC == nil && plate.defects["spot_nomask"]?.imageAUROC == 1)
    #expect((plate.framesPerSecond ?? 0) > 0)
    #expect(report.imageAUROC == plate.imageAUROC && report.aupro == plate.aupro)
    #expect(results[0].outcomes.count == 11)
    #expect(results[0].outcomes.last?.verdict == .undecidable)
    #expect(progress.last == .judging(product: "plate", done: 11, of: 11))
    #expect(progress.contains(.calibrating(product: "plate", done: 4, of: 4)))
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
    #expect(object["image_auroc"] as? Double == 1)
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
    #expect(report.pixelAUROC == report.perClass["plate"]?.pixelAUROC)
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
