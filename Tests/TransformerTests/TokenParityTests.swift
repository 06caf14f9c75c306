import Compute
import Foundation
import Imaging
import TestSupport
import Testing
import Transformer

/// How far a token may be from the oracle's: the length of the difference over the length of the token.
private let tolerance = 1e-4

/// The float32 tower against implementations that nobody here wrote.
@Suite struct TokenParityTests {
  /// The wheel's own graph, run by onnxruntime, at the size it was traced at and at two others.
  @Test(
    .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"),
    .enabled(
      if: Repository.defaultModel("float32") != nil, "the default model is not there: run Scripts/test"))
  func `the default model's tokens are onnxruntime's at every block`() throws {
    let model = try ModelFile(contentsOf: #require(Repository.defaultModel("float32")))
    let graph = Repository.root.appending(path: ".cache/models/vit-s14.onnx")
    let configuration = model.configuration
    let pictures = [
      "traced": RandomModel.picture(width: 224, height: 224),
      "wide": RandomModel.picture(width: 140, height: 70),
      "small": RandomModel.picture(width: 56, height: 84),
    ]
    let folder = try TemporaryFolder()
    var writer = SafeTensorsWriter()
    for (name, picture) in pictures {
      // Channel by channel, as the graph takes it.
      let values = (0..<3).flatMap { channel in
        (0..<picture.width * picture.height).map { pixel -> Float in
          let value = Float(picture.pixels[pixel * 3 + channel]) / 255
          return (value - configuration.mean[channel]) / configuration.standardDeviation[channel]
        }
      }
      writer.add(name, shape: [1, 3, picture.height, picture.width], values)
    }
    try writer.write(to: folder.file("inputs.safetensors"))
    try Oracle.run(
      "onnx_tokens",
      [graph.path, folder.file("inputs.safetensors").path, folder.file("tokens.safetensors").path])
    let expected = try SafeTensorsFile(contentsOf: folder.file("tokens.safetensors"))
    let tower = ReferenceImageTower(model: model)
    for (name, picture) in pictures {
      try Self.compare(tower, picture, with: expected, prefix: name)
    }
  }

  /// Random towers of the released shapes, by open_clip, in every CLIP layout.
  @Test(
    .enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"),
    arguments: ["b32", "b16", "plus240", "l14", "l14_336", "l14_gelu", "tiny16"])
  func `CLIP towers' tokens are open_clip's at every block and size`(_ variant: String) throws {
    struct Facts: Decodable {
      let activation: ImageTowerConfiguration.Activation
      let grid: [Int]
    }
    let folder = try TemporaryFolder()
    let printed = try Oracle.run(
      "open_clip_tokens", [variant, "3", folder.url.path], python: Oracle.openCLIPPython)
    let facts = try JSONDecoder().decode(Facts.self, from: printed)
    let expected = try SafeTensorsFile(contentsOf: folder.file("tokens.safetensors"))
    for interpolation in ImageTowerConfiguration.PositionInterpolation.allCases {
      // The layouts hold the same weights: one is compared at the sizes that need interpolation, the others at the stored
      // one.
      let others = [
        ImageTowerConfiguration.PositionInterpolation.bicubic: "huggingface", .bilinear: "archive",
      ]
      for layout in ["openclip"] + [others[interpolation]].compactMap(\.self) {
        var options = ModelImporter.Options(
          precision: .float32, attribution: "random", text: .include(merges: ["i n", "t h", "a n"]))
        if layout == "archive" {
          try Oracle.run(
            executable: Repository.root.appending(path: "Scripts/convert-checkpoint").path,
            [folder.file("archive.pt").path, folder.file("archive.safetensors").path])
        }
        // OpenAI's archives tell theirs.
        if layout != "archive" || facts.activation == .gelu { options.activation = facts.activation }
        options.grid = (facts.grid[0], facts.grid[1])
        options.positionInterpolation = interpolation
        let file = folder.file("\(layout)-\(interpolation.rawValue).safetensors")
        _ = try ModelImporter.importCheckpoint(
          folder.file("\(layout).safetensors"), to: file, options: options)
        let model = try ModelFile(contentsOf: file)
        try Self.compareText(model, with: expected)
        let tower = ReferenceImageTower(model: model)
        let name = layout == "openclip" ? interpolation.rawValue : "native"
        let view = try #require(expected.tensor(named: "\(name).picture"))
        let picture = Picture(
          width: view.description.shape[1], height: view.description.shape[0], pixels: Array(view.bytes))
        try Self.compare(tower, picture, with: expected, prefix: name)
      }
    }
  }

  /// Compares the features of the texts.
  private static func compareText(_ model: ModelFile, with expected: SafeTensorsFile) throws {
    let view = try #require(expected.tensor(named: "text.tokens"))
    let rows = (0..<view.description.shape[0]).map { row in
      (0..<9).map { view.bytes.loadUnaligned(fromByteOffset: (row * 9 + $0) * 4, as: Int32.self) }
    }
    let features = try TextTower(model: model).features(tokens: rows)
    let wanted = try #require(expected.tensor(named: "text.features")?.floats())
    #expect(features.values.count == wanted.count)
    for row in 0..<features.rows {
      let range = row * features.columns..<(row + 1) * features.columns
      #expect(distance(features.values[range], wanted[range]) < tolerance)
    }
  }

  /// Compares all tokens after every block and after the final LayerNorm and, where there is one, the image's embedding.
  private static func compare(
    _ tower: ReferenceImageTower, _ picture: Picture, with expected: SafeTensorsFile, prefix: String
  ) throws {
    let depth = tower.configuration.depth
    var taps = (1...depth).map { TokenTap(block: $0, normalised: false) } + [TokenTap(block: depth)]
    var names = (1...depth).map { "\(prefix).block.\($0)" } + ["\(prefix).normalised"]
    if tower.configuration.embeddingWidth != nil {
      taps.append(TokenTap(block: depth, projected: true, classTokenOnly: true))
      names.append("\(prefix).embedding")
    }
    let tokens = try tower.encode(picture, taps: taps)
    for (index, name) in names.enumerated() {
      let wanted = try #require(expected.tensor(named: name)?.floats())
      let found = tokens.classTokens[index].values + tokens.features[index].values
      #expect(found.count == wanted.count)
      let width = tower.configuration.width(at: taps[index])
      var worst = 0.0
      for token in 0..<found.count / width {
        let range = token * width..<(token + 1) * width
        worst = max(worst, distance(found[range], wanted[range]))
      }
      #expect(worst < tolerance, "\(name): \(worst)")
    }
  }

  private static func distance(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    var (difference, length) = (0.0, 0.0)
    for (x, y) in zip(a, b) {
      difference += Double(x - y) * Double(x - y)
      length += Double(y) * Double(y)
    }
    return (difference / max(length, .leastNormalMagnitude)).squareRoot()
  }
}
