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
        Read are safetensors files in the HuggingFace Dinov2, OpenAI/OpenCLIP and HuggingFace CLIP layouts;
        Scripts/convert-checkpoint makes them of ONNX and PyTorch files. docs/model-format.md describes what is written.
        """)

    @Argument(help: "The checkpoint, a safetensors file.", completion: .file(extensions: ["safetensors"]))
    var checkpoint: String

    @Option(help: "The model file to write.", completion: .file(extensions: ["safetensors"]))
    var output: String

    @Option(help: "Precision of the blocks' weights.")
    var precision: ModelFile.Precision = .int8

    @Option(help: "Name, source, authors and licence of the weights, in words.")
    var origin: String

    @Option(help: "Function of the MLP; needed for CLIP checkpoints, which do not tell.")
    var activation: ImageTowerConfiguration.Activation?

    @Option(help: "Attention heads; by default one for 64 channels.")
    var heads: Int?

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
      for (name, values) in [("mean", mean), ("deviation", deviation)] where ![0, 3].contains(values.count) {
        throw ValidationError("--\(name) takes three numbers, not \(values.count).")
      }
    }

    func run() async throws {
      try await reportingFailures {
        var options = ModelImporter.Options(precision: precision, attribution: origin)
        options.activation = activation
        options.heads = heads
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
  }

  struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Checks a model file and says what is in it.")

    @Argument(help: "The model file.", completion: .file(extensions: ["safetensors"]))
    var model: String

    @Flag(help: "Print as JSON.")
    var json = false

    func run() async throws {
      try await reportingFailures {
        let summary = ModelSummary(try ModelFile(contentsOf: URL(fileURLWithPath: model)))
        if json { try printJSON(summary) } else { print(summary) }
      }
    }
  }
}

extension ModelFile.Precision: ExpressibleByArgument {}
extension ImageTowerConfiguration.Activation: ExpressibleByArgument {}
extension ImageTowerConfiguration.PositionInterpolation: ExpressibleByArgument {}
