import ArgumentParser
import Evaluation
import Foundation
import Inspection
import Transformer

struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measures few-shot inspection on a data set on disk.",
    discussion: """
      The data set is in the MVTec layout (train/good, test/<kind>, ground_truth/<kind>), a folder of such, or the
      unpacked elpv-dataset. References are the first K of a seeded permutation of the good training pictures; limits are
      calibrated on the references alone. Rates and areas are fractions.
      """)

  @OptionGroup var options: EncoderOptions
  @OptionGroup var scoring: ScoringArguments

  @Option(help: "The data set's folder.", completion: .directory)
  var data: String

  @Option(help: "Only this product; may be given several times.")
  var product: [String] = []

  @Option(help: "References of each product.")
  var shots = 4

  @Option(help: "Seed of the draw of references.")
  var seed: UInt64 = 0

  @Option(help: "Of good parts, the fraction that may be called NG.")
  var falseAlarmRate = 0.05

  @Option(help: "Vectors in a bank at most; more are thinned.")
  var bankVectors = MemoryBank.defaultLimit

  @Option(help: "Folder for a contact sheet and a calibration plot of each product.", completion: .directory)
  var pictures: String?

  @Flag(help: "Print as JSON.")
  var json = false

  func run() async throws {
    try await reportingFailures {
      let dataSet = try DataSet(contentsOf: URL(fileURLWithPath: data), only: product.isEmpty ? nil : product)
      let engine = try options.load()
      let evaluation = FewShotEvaluation(
        encoder: engine.encoder, search: engine.search,
        options: EvaluationOptions(
          shots: shots, seed: seed, scoring: try scoring.scoring(), falseAlarmRate: falseAlarmRate,
          bankLimit: bankVectors))
      let progress = Progress()
      let (report, results) = try evaluation.run(dataSet) { step in
        switch step {
        case .enrolling(let product, .encoding(let done, let total)):
          progress.show("\(product): encoding references", done: done, of: total)
        case .enrolling(let product, .reducing(let done, let total)):
          progress.show("\(product): choosing vectors", done: done, of: total)
        case .calibrating(let product, let done, let total):
          progress.show("\(product): calibrating", done: done, of: total)
        case .judging(let product, let done, let total):
          progress.show("\(product): judging", done: done, of: total)
        }
      }
      progress.finish()
      if json { try printJSON(report) } else { print(Self.text(report)) }
      if let pictures { try writePictures(results, to: URL(fileURLWithPath: pictures)) }
    }
  }

  private func writePictures(_ results: [ProductResult], to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for result in results {
      let sheet = folder.appending(path: "\(result.product)-contact-sheet.png")
      let plot = folder.appending(path: "\(result.product)-calibration.png")
      try ContactSheet(of: result).write(to: sheet)
      try CalibrationPlot(result.calibration).write(to: plot)
      if !json { print("\(sheet.path)\n\(plot.path)") }
    }
  }

  private static func text(_ report: EvaluationReport) -> String {
    func percent(_ value: Double?) -> String { value.map { String(format: "%.1f", $0 * 100) } ?? "-" }
    let header = [
      "product", "good", "bad", "image AUROC", "AP", "F1-max", "pixel AUROC", "AUPRO", "false alarms",
      "recall", "fps",
    ]
    let rows = report.perClass.sorted { $0.key < $1.key }.map { name, product in
      [
        name, "\(product.testGood)", "\(product.testDefective)", percent(product.imageAUROC),
        percent(product.imageAP),
        percent(product.imageF1Max), percent(product.pixelAUROC), percent(product.aupro),
        percent(product.falseAlarmRate), percent(product.recall),
        product.framesPerSecond.map { String(format: "%.1f", $0) } ?? "-",
      ]
    }
    let title =
      "\(report.shots) references, seed \(report.seed); in percent, limits calibrated on the references alone"
    return ([title, table([header] + rows)] + report.notes).joined(separator: "\n")
  }
}
