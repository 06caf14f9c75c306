import Compute
import Foundation
import TestSupport
import Transformer

/// A small model with seeded random weights and a text tower.
final class RandomText: Sendable {
  let model: ModelFile
  let tower: TextTower
  private let folder: TemporaryFolder

  static let merges = (0..<46).map { "! \(Unicode.Scalar(UInt8(35 + $0)))" }

  init(
    activation: ImageTowerConfiguration.Activation = .gelu, threads: Int = 2,
    path: KernelPath = KernelPath.available[0], contextLength: Int = 20
  ) throws {
    folder = try TemporaryFolder()
    let image = ImageTowerConfiguration(
      patchSize: 8, width: 16, depth: 1, heads: 1, mlpWidth: 16, activation: activation,
      layerNormEpsilon: 1e-5, hasPreNorm: true, gridRows: 2, gridColumns: 2, positionInterpolation: .bicubic,
      embeddingWidth: 24, mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let text = TextTowerConfiguration(
      width: 32, depth: 3, heads: 2, mlpWidth: 64, contextLength: contextLength, vocabularySize: 560,
      activation: activation, layerNormEpsilon: 1e-5)
    let url = folder.file("model.safetensors")
    let origin = ModelOrigin(
      attribution: "seeded random weights", layout: "none", sourceFile: "none", sourceHash: "none",
      sourceTensors: 0, sourceParameters: 0, tool: "tests")
    var random = SeededGenerator(seed: 7)
    try ModelFile.write(
      to: url, configuration: image, text: (text, Self.merges), precision: .float32, origin: origin
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
    model = try ModelFile(contentsOf: url)
    tower = try TextTower(model: model, path: path, pool: ThreadPool(threads: threads))
  }

  static func matrix(rows: Int, columns: Int, seed: UInt64, scale: Float = 1) -> Matrix {
    var random = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns,
      values: (0..<rows * columns).map { _ in scale * Float.random(in: -1...1, using: &random) })
  }
}
