import ArgumentParser
import Compute
import Foundation
import Imaging
import Inspection
import Transformer

struct EncodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Writes the patch tokens of pictures, to look at them with other software.",
    discussion: """
      The output is a safetensors file with, for each picture, `<name>.block<N>` of shape (rows, columns, width): the
      tokens after block N, through the final LayerNorm unless --raw is given, and `<name>.block<N>.class` of shape
      (width) with the class token.
      """)

  @OptionGroup var options: EncoderOptions

  @Argument(help: "JPEG or PNG files.", completion: .file())
  var pictures: [String]

  @Option(help: "The file to write.")
  var output: String

  @Option(help: "Blocks whose tokens are written, counted from 1.")
  var block: [Int] = [8]

  @OptionGroup var tap: TapOptions

  @Option(help: "Width the picture is resized to, a multiple of the patch size.")
  var width = 336

  @Option(help: "Height the picture is resized to, a multiple of the patch size.")
  var height = 336

  func validate() throws {
    if Set(block).count < block.count { throw ValidationError("--block names a block twice.") }
    var names: Set<String> = []
    for path in pictures where !names.insert(Self.name(of: path)).inserted {
      throw ValidationError(
        "Two pictures are called \(Self.name(of: path)), and would be one in the output: rename one of them.")
    }
  }

  private static func name(of path: String) -> String {
    URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
  }

  func run() async throws {
    try await reportingFailures {
      let encoder = try options.load().encoder
      var writer = SafeTensorsWriter(metadata: ["model": encoder.modelHash])
      let progress = Progress()
      for (index, path) in pictures.enumerated() {
        progress.show("encoding", done: index, of: pictures.count)
        let url = URL(fileURLWithPath: path)
        let picture = try Picture(contentsOf: url).resized(width: width, height: height, filter: .bicubic)
        let tokens = try encoder.encode(picture, taps: block.map(tap.tap))
        for (index, block) in block.enumerated() {
          let (features, classToken) = (tokens.features[index], tokens.classTokens[index])
          let name = "\(Self.name(of: path)).block\(block)"
          writer.add(name, shape: [tokens.gridRows, tokens.gridColumns, features.columns], features.values)
          writer.add("\(name).class", shape: [classToken.columns], classToken.values)
        }
      }
      progress.finish()
      try writer.write(to: URL(fileURLWithPath: output))
    }
  }
}
