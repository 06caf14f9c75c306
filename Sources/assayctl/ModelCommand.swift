public import ArgumentParser
import Foundation
public import Transformer

struct ModelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Makes and explains model files.",
    subcommands: [Import.self, Inspect.self])

  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Turns a float checkpoint into a model file.",
      discussion: """
        Read are safetensors files in the HuggingFace Dinov2, OpenAI/OpenCLIP/TinyCLIP and HuggingFace CLIP layouts;
        Scripts/convert-checkpoint makes them of ONNX and PyTorch files, Scripts/fetch-model downloads and imports what
        open_clip knows. docs/model-format.md describes what is written.
        """)

    @Argument(help: "The checkpoint, a safetensors file.", completion: .file(extensions: ["safetensors"]))
    var checkpoint: String

    @Option(help: "The model file to write.", completion: .file(extensions: ["safetensors"]))
    var output: String

    @Option(help: "Precision of the blocks' weights.")
    var precision: ModelFile.Precision = .int8

    @Option(help: "Name, source, authors and licence of the weights, in words.")
    var origin: String

    @Option(
      help: """
        Published CLIP weights that the checkpoint holds, as MODEL/TAG: tells its activation and checks its shapes and, \
        where it was published, its hash. For example ViT-B-16-plus-240/laion400m_e32.
        """, transform: Self.release)
    var release: CLIPRelease?

    @Option(help: "Function of the MLP; needed for CLIP checkpoints of no known release, which do not tell.")
    var activation: ImageTowerConfiguration.Activation?

    @Option(
      help:
        "The merges of a CLIP checkpoint's vocabulary, as Scripts/fetch-vocabulary leaves them: takes its text tower.",
      completion: .file())
    var vocabulary: String?

    @Flag(help: "Leave a CLIP checkpoint's text tower out: the model can then learn nothing from words.")
    var withoutText = false

    @Option(help: "Attention heads; by default one for 64 channels.")
    var heads: Int?

    @Option(help: "Attention heads of the text tower; by default one for 64 channels.")
    var textHeads: Int?

    @Option(help: "Rows of the position grid, where it is not square.")
    var gridRows: Int?

    @Option(help: "Columns of the position grid, where it is not square.")
    var gridColumns: Int?

    @Option(help: "How the position grid is brought to other input sizes.")
    var positions: ImageTowerConfiguration.PositionInterpolation?

    @Option(parsing: .upToNextOption, help: "Mean of red, green and blue, for values from 0 to 1.")
    var mean: [Float] = []

    @Option(parsing: .upToNextOption, help: "Standard deviation of red, green and blue.")
    var deviation: [Float] = []

    @Flag(help: "Print the summary as JSON.")
    var json = false

    func validate() throws {
      guard (gridRows == nil) == (gridColumns == nil) else {
        throw ValidationError("--grid-rows and --grid-columns are given together or not at all.")
      }
      guard vocabulary == nil || !withoutText else {
        throw ValidationError("--vocabulary and --without-text exclude each other.")
      }
      for (name, values) in [("mean", mean), ("deviation", deviation)] where ![0, 3].contains(values.count) {
        throw ValidationError("--\(name) takes three numbers, not \(values.count).")
      }
    }

    func run() async throws {
      try await reportingFailures {
        var options = ModelImporter.Options(precision: precision, attribution: origin)
        options.release = release
        options.activation = activation
        options.text = withoutText ? .leaveOut : .undecided
        if let vocabulary { options.text = try .include(vocabulary: URL(fileURLWithPath: vocabulary)) }
        options.heads = heads
        options.textHeads = textHeads
        if let gridRows, let gridColumns { options.grid = (gridRows, gridColumns) }
        options.positionInterpolation = positions
        options.mean = mean.isEmpty ? nil : mean
        options.standardDeviation = deviation.isEmpty ? nil : deviation
        let summary = try ModelImporter.importCheckpoint(
          URL(fileURLWithPath: checkpoint), to: URL(fileURLWithPath: output), options: options)
        if json { return try printJSON(summary) }
        print(summary.model)
        for note in summary.notes { print(note) }
      }
    }

    private static func release(_ name: String) throws -> CLIPRelease {
      guard let release = CLIPRelease(named: name) else {
        let known = CLIPRelease.all.map { "  \($0.name)" }.joined(separator: "\n")
        throw ValidationError(
          "No release is known as \(name); give --activation instead, or one of\n\(known)")
      }
      return release
    }
  }

  struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Checks a model file and says what is in it.")

    @Argument(help: "The model file.", completion: .file(extensions: ["safetensors"]))
    var model: String

    @Flag(help: "Print as JSON.")
    var json = false

    func run() async throws {
      try await reportingFailures {
        let file = try ModelFile(contentsOf: URL(fileURLWithPath: model))
        // Opening leaves the text tower unread.
        if file.text != nil { _ = try Tokenizer(model: file) }
        let summary = ModelSummary(file)
        if json { try printJSON(summary) } else { print(summary) }
      }
    }
  }
}

extension ModelFile.Precision: ExpressibleByArgument {}
extension ImageTowerConfiguration.Activation: ExpressibleByArgument {}
extension ImageTowerConfiguration.PositionInterpolation: ExpressibleByArgument {}
