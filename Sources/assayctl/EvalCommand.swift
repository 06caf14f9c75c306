import ArgumentParser
import Evaluation
import Foundation
import Imaging
import Inspection
import PromptLearning
import Transformer

struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measures few-shot inspection on a data set on disk.",
    discussion: """
      The data set is in the MVTec layout (train/good, test/<kind>, ground_truth/<kind>), a folder of such, VisA as
      published (split_csv/1cls.csv), or the unpacked elpv-dataset. `assayctl eval --model FILE --data FOLDER` measures;
      `assayctl help eval run` has all its options.
      """, subcommands: [EvalRunCommand.self, EvalListCommand.self, EvalMergeCommand.self],
    defaultSubcommand: EvalRunCommand.self)
}

/// How the numbers are printed: as a table unless one of these is given.
struct EvaluationOutput: ParsableArguments {
  @Flag(help: "Print as JSON; rates and areas are fractions.")
  var json = false

  @Flag(help: "Print as Markdown.")
  var markdown = false

  func validate() throws {
    if json, markdown { throw ValidationError("--json and --markdown do not go together.") }
  }

  /// What is not for a program: tables.
  func text(_ report: EvaluationReport) -> String {
    let tables = EvaluationTables(report)
    if markdown { return tables.markdown }
    var parts = [tables.title, table([tables.header] + tables.rows.map(\.cells))]
    if !tables.defects.isEmpty {
      // The first column holds names, the others numbers.
      let rows = [tables.defectHeader] + tables.defects
      parts += ["", table(rows.map { ["\($0[0]): \($0[1])"] + $0.dropFirst(2) })]
    }
    return (parts + [""] + tables.notes).joined(separator: "\n")
  }
}

struct EvalRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Judges a data set with one or more draws of references (the default).",
    discussion: """
      References are the first K of a seeded permutation of the good training pictures; limits are calibrated on the
      references alone. Methods other than bank need a CLIP model with both towers; they take PromptAD's words and scoring,
      and no notice of --width, --height, --block and --views. Pixel metrics are exact whatever their number; only the pixels in defects are held in memory.
      """)

  @OptionGroup var options: EncoderOptions
  @OptionGroup var scoring: ScoringArguments
  @OptionGroup var output: EvaluationOutput

  @Option(help: "The data set's folder.", completion: .directory)
  var data: String

  @Option(help: "Only this product; may be given several times.")
  var product: [String] = []

  @Option(
    help: ArgumentHelp("How pictures are scored: \(names(EvaluationMethod.self)).", valueName: "name"),
    completion: .list(EvaluationMethod.allCases.map(\.rawValue)))
  var method: EvaluationMethod = .bank

  @Option(help: "References of each product; by default 4, and none with zero-shot.")
  var shots: Int?

  @Option(help: "Seed of the draw of references; may be given several times. By default 0.")
  var seed: [UInt64] = []

  @Option(help: "This many seeds, from 0 on, instead of --seed.")
  var seeds: Int?

  @Option(help: "Of good parts, the fraction that may be called NG.")
  var falseAlarmRate = 0.05

  @Option(help: "Vectors in a bank at most; more are thinned.")
  var bankVectors = MemoryBank.defaultLimit

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp("Sizes and rules of maps and masks: \(names(PixelProtocol.self)).", valueName: "name"),
    completion: .list(PixelProtocol.allCases.map(\.rawValue)))
  var pixels: PixelProtocol = .assayd

  @Option(
    help: ArgumentHelp(
      "With promptad, where the paper and its released code differ: \(names(PromptADParity.self)).",
      valueName: "name"),
    completion: .list(PromptADParity.allCases.map(\.rawValue)))
  var parity: PromptADParity = .corrected

  @Option(
    help: "File for a report with curves, histograms and pictures.", completion: .file(extensions: ["html"]))
  var html: String?

  @Option(help: "Folder for a contact sheet and a calibration plot of each product.", completion: .directory)
  var pictures: String?

  func validate() throws {
    if let seeds, !(1...1000).contains(seeds) {
      throw ValidationError("--seeds is \(seeds); allowed are 1 to 1000.")
    }
    if seeds != nil, !seed.isEmpty { throw ValidationError("--seed and --seeds do not go together.") }
    if Set(seed).count < seed.count { throw ValidationError("A seed is given twice.") }
  }

  func run() async throws {
    try await reportingFailures {
      let folder = URL(fileURLWithPath: data)
      let dataSet = try DataSet(contentsOf: folder, only: product.isEmpty ? nil : product)
      let engine = try options.load()
      let evaluation = FewShotEvaluation(
        encoder: engine.encoder, search: engine.search,
        options: EvaluationOptions(
          method: method, shots: shots ?? (method.needsReferences ? 4 : 0),
          seeds: seeds.map { (0..<UInt64($0)).map(\.self) } ?? (seed.isEmpty ? [0] : seed),
          scoring: try scoring.scoring(), falseAlarmRate: falseAlarmRate, bankLimit: bankVectors,
          pixels: pixels, learning: LearningOptions(parity: parity)),
        writer: method.needsText ? try PromptWriter(engine: engine) : nil)
      let progress = Progress()
      let (report, results) = try evaluation.run(dataSet) { step in
        let name =
          evaluation.options.seeds.count > 1 ? "\(step.product), seed \(step.seed)" : step.product
        switch step.stage {
        case .enrolling(.encoding(let done, let total)):
          progress.show("\(name): encoding references", done: done, of: total)
        case .enrolling(.reducing(let done, let total)):
          progress.show("\(name): choosing vectors", done: done, of: total)
        case .learning(let done, let total): progress.show("\(name): learning prompts", done: done, of: total)
        case .calibrating(let done, let total):
          progress.show("\(name): calibrating", done: done, of: total)
        case .judging(let done, let total): progress.show("\(name): judging", done: done, of: total)
        case .measuring(let done, let total): progress.show("\(name): measuring", done: done, of: total)
        }
      }
      progress.finish()
      if output.json { try printJSON(report) } else { print(output.text(report)) }
      if let pictures { try writePictures(results, to: URL(fileURLWithPath: pictures)) }
      if let html {
        let file = URL(fileURLWithPath: html)
        try EvaluationPage(
          title: folder.standardizedFileURL.lastPathComponent, report: report, results: results
        )
        .write(to: file)
        say(file)
      }
    }
  }

  /// One set of each product: those of the first seed.
  private func writePictures(_ results: [ProductResult], to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for result in results where result.seed == results.first?.seed {
      let sheet = folder.appending(path: "\(result.product)-contact-sheet.png")
      let plot = folder.appending(path: "\(result.product)-calibration.png")
      try ContactSheet(of: result).write(to: sheet)
      try CalibrationPlot(result.calibration).write(to: plot)
      say(sheet)
      say(plot)
    }
  }

  /// Names a file that was written, unless standard output is for a program.
  private func say(_ file: URL) {
    if !output.json, !output.markdown { print(file.path) }
  }
}

struct EvalListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the products of a data set and how many pictures they have.")

  @Option(help: "The data set's folder.", completion: .directory)
  var data: String

  @Flag(help: "Print as JSON.")
  var json = false

  struct Entry: Encodable {
    let product: String
    let normals: Int
    let testGood: Int
    let testDefective: Int
    let withoutMask: Int
  }

  func run() async throws {
    try await reportingFailures {
      let set = try DataSet(contentsOf: URL(fileURLWithPath: data))
      let entries = set.products.map { product in
        let defective = product.tests.filter { !$0.isGood }
        return Entry(
          product: product.name, normals: product.normals.count,
          testGood: product.tests.count - defective.count, testDefective: defective.count,
          withoutMask: defective.count { $0.mask == nil })
      }
      if json { return try printJSON(entries) }
      print(
        table(
          [["product", "to draw from", "test good", "test defective", "without mask"]]
            + entries.map {
              [$0.product, "\($0.normals)", "\($0.testGood)", "\($0.testDefective)", "\($0.withoutMask)"]
            }))
      for note in set.notes { print(note) }
    }
  }
}

struct EvalMergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Joins results of several runs into one table.",
    discussion: """
      Each file is what `assayctl eval run --json` printed, for some products and seeds; all with the same model, method,
      scoring and protocol. There is one table for each number of references; JSON is a list of them.
      """)

  @OptionGroup var output: EvaluationOutput

  @Argument(help: "Result files.", completion: .file(extensions: ["json"]))
  var files: [String]

  func run() async throws {
    try await reportingFailures {
      let reports = try files.map { file in
        do {
          return try JSONDecoder().decode(
            EvaluationReport.self, from: try Data(contentsOf: URL(fileURLWithPath: file)))
        } catch let error as DecodingError {
          throw Failure.input("\(file) is no result of `assayctl eval run --json`: \(Self.reason(error))")
        } catch {
          throw Failure.missing("\(file) cannot be read: \(systemReason(error)).")
        }
      }
      let merged = try EvaluationReport.merge(reports)
      if output.json { return try printJSON(merged) }
      print(merged.map(output.text).joined(separator: "\n\n"))
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "there is no `\(key.stringValue)`."
    case .dataCorrupted(let context), .typeMismatch(_, let context), .valueNotFound(_, let context):
      context.debugDescription
    @unknown default: "it cannot be understood."
    }
  }
}

/// The names a choice may have, for help texts.
private func names<Choice: CaseIterable & RawRepresentable<String>>(_: Choice.Type) -> String {
  Choice.allCases.map(\.rawValue).joined(separator: ", ")
}
