public import Foundation
public import Transformer

/// A small CLIP with both towers and seeded random weights, as a model file that lives as long as this object. Its words
/// mean nothing, but it answers to every picture and text, the same each time.
public final class RandomModel: Sendable {
  public let file: URL
  public let model: ModelFile
  private let folder: TemporaryFolder

  public static let merges = (0..<46).map { "! \(Unicode.Scalar(UInt8(35 + $0)))" }

  /// - Parameters:
  ///   - grid: patches along each side of the model's own input.
  ///   - contextLength: tokens of a text at most.
  public init(
    patchSize: Int = 14, grid: Int = 5, imageDepth: Int = 4, imageWidth: Int = 32, textDepth: Int = 3,
    activation: ImageTowerConfiguration.Activation = .gelu, contextLength: Int = 77, seed: UInt64 = 7
  ) throws {
    folder = try TemporaryFolder()
    file = folder.file("model.safetensors")
    let image = ImageTowerConfiguration(
      patchSize: patchSize, width: imageWidth, depth: imageDepth, heads: imageWidth / 16,
      mlpWidth: 2 * imageWidth, activation: activation, layerNormEpsilon: 1e-5, hasPreNorm: true,
      gridRows: grid, gridColumns: grid, positionInterpolation: .bicubic, embeddingWidth: 24,
      mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let text = TextTowerConfiguration(
      width: 32, depth: textDepth, heads: 2, mlpWidth: 64, contextLength: contextLength, vocabularySize: 560,
      activation: activation, layerNormEpsilon: 1e-5)
    let origin = ModelOrigin(
      attribution: "seeded random weights", layout: "none", sourceFile: "none", sourceHash: "none",
      sourceTensors: 0, sourceParameters: 0, tool: "tests")
    var random = SeededGenerator(seed: seed)
    try ModelFile.write(
      to: file, configuration: image, text: (text, Self.merges), precision: .float32, origin: origin
    ) { name, shape in
      if name == "logit_scale" { return [4.6] }
      let isGain = name.contains("norm") && name.hasSuffix("weight")
      let scale: Float =
        shape.count == 2 && !name.hasSuffix("embedding") ? 3 / Float(shape[1]).squareRoot() : 0.5
      return (0..<shape.reduce(1, *)).map { _ in
        let value = Float.random(in: -1...1, using: &random)
        return isGain ? 1 + 0.3 * value : scale * value
      }
    }
    model = try ModelFile(contentsOf: file)
  }
}
