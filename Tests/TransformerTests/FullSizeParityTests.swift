import Compute
import Foundation
import Imaging
import TestSupport
import Testing
import Transformer

/// ViT-B-16-plus-240 at full size against open_clip, on the way a user's checkpoint takes: `Scripts/fetch-model`, model
/// file, towers. It takes minutes and 3 GB of disk, so it runs where ASSAYD_FULL_SIZE is set: `Scripts/test-full-size`.
@Suite struct FullSizeParityTests {
  struct Texts: Decodable {
    let texts: [String]
    let tokens: [[Int32]]
  }

  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["ASSAYD_FULL_SIZE"] != nil,
      "ASSAYD_FULL_SIZE is not set: run Scripts/test-full-size"),
    .enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"))
  func `both towers are open_clip's`() throws {
    let folder = try TemporaryFolder()
    let texts = try JSONDecoder().decode(
      Texts.self,
      from: try Oracle.run(
        "open_clip_full_size", ["ViT-B-16-plus-240", "5", folder.url.path], python: Oracle.openCLIPPython))
    let expected = try SafeTensorsFile(contentsOf: folder.file("expected.safetensors"))
    let view = try #require(expected.tensor(named: "picture"))
    let picture = Picture(
      width: view.description.shape[1], height: view.description.shape[0], pixels: Array(view.bytes))

    for precision in ModelFile.Precision.allCases {
      let file = folder.file("\(precision.rawValue).safetensors")
      try Oracle.run(
        executable: Repository.root.appending(path: "Scripts/fetch-model").path,
        [
          "openclip", "ViT-B-16-plus-240", folder.file("checkpoint.pt").path, "--activation", "gelu",
          "--precision", precision.rawValue, "--output", file.path,
        ])
      let model = try ModelFile(contentsOf: file)
      let encoder: any ImageEncoder =
        precision == .float32
        ? ReferenceImageTower(model: model)
        : try QuantisedImageTower(model: model, path: KernelPath.available[0], pool: ThreadPool())
      let depth = model.configuration.depth
      let taps =
        (1...depth).map { TokenTap(block: $0, normalised: false) }
        + [TokenTap(block: depth), TokenTap(block: depth, projected: true, classTokenOnly: true)]
      let tokens = try encoder.encode(picture, taps: taps)
      let limit = precision == .float32 ? 1e-4 : 0.1
      for (index, name) in ((1...depth).map { "block.\($0)" } + ["normalised", "embedding"]).enumerated() {
        let found = tokens.classTokens[index].values + tokens.features[index].values
        let distance = try Self.distance(
          found, try #require(expected.tensor(named: name)?.floats()),
          width: tokens.classTokens[index].columns)
        print("\(precision.rawValue) \(name): \(distance)")
        #expect(distance.worst < limit, "\(precision.rawValue) \(name)")
      }

      let tokenizer = try Tokenizer(model: model)
      #expect(texts.texts.map { tokenizer.tokens($0, contextLength: 77) } == texts.tokens)
      let features = try TextTower(model: model).features(tokens: texts.tokens)
      let distance = try Self.distance(
        features.values, try #require(expected.tensor(named: "text.features")?.floats()),
        width: features.columns)
      print("\(precision.rawValue) text features: \(distance)")
      #expect(distance.worst < 1e-4)
    }
  }

  /// How far rows are from the wanted ones, over the length of these: the mean and the worst.
  private static func distance(
    _ found: [Float], _ wanted: [Float], width: Int
  ) throws -> (mean: Double, worst: Double) {
    try #require(found.count == wanted.count)
    let distances = stride(from: 0, to: found.count, by: width).map { start -> Double in
      var (difference, length) = (0.0, 0.0)
      for index in start..<start + width {
        difference += Double(found[index] - wanted[index]) * Double(found[index] - wanted[index])
        length += Double(wanted[index]) * Double(wanted[index])
      }
      return (difference / length).squareRoot()
    }
    return (distances.reduce(0, +) / Double(distances.count), distances.max() ?? 0)
  }
}
