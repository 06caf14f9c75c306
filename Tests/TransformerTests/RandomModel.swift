import Foundation
import Imaging
import TestSupport
import Transformer

/// Small models with seeded random weights of a sensible size, written to a temporary folder.
final class RandomModel: Sendable {
  let folder: TemporaryFolder
  let configuration: ImageTowerConfiguration

  init(_ configuration: ImageTowerConfiguration) throws {
    folder = try TemporaryFolder()
    self.configuration = configuration
  }

  func file(_ precision: ModelFile.Precision) throws -> ModelFile {
    let url = folder.file("\(precision.rawValue).safetensors")
    var generator = SeededGenerator(seed: 42)
    let origin = ModelOrigin(
      attribution: "seeded random weights", layout: "none", sourceFile: "none", sourceHash: "none",
      sourceTensors: 0,
      sourceParameters: 0, tool: "tests")
    try ModelFile.write(to: url, configuration: configuration, precision: precision, origin: origin) {
      name, shape in
      let count = shape.reduce(1, *)
      let isGain = name.contains("norm") && name.hasSuffix("weight")
      let scale: Float = shape.count == 2 ? 2 / Float(shape[1]).squareRoot() : 0.5
      return (0..<count).map { _ in
        let value = Float.random(in: -1...1, using: &generator)
        return isGain ? 1 + 0.3 * value : scale * value
      }
    }
    return try ModelFile(contentsOf: url)
  }

  /// A picture with structure at several scales.
  static func picture(width: Int, height: Int, seed: UInt64 = 1) -> Picture {
    var generator = SeededGenerator(seed: seed)
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        for channel in 0..<3 {
          let wave = sin(Double(x) * 0.21 + Double(channel)) * cos(Double(y) * 0.13) * 80 + 128
          pixels[(y * width + x) * 3 + channel] = UInt8(
            min(max(wave + Double.random(in: -30...30, using: &generator), 0), 255))
        }
      }
    }
    return Picture(width: width, height: height, pixels: pixels)
  }
}

extension ImageTowerConfiguration {
  static func small(
    patchSize: Int = 8, width: Int = 64, depth: Int = 3, heads: Int = 2, activation: Activation = .gelu,
    hasPreNorm: Bool = false, grid: Int = 4, positions: PositionInterpolation = .bicubic,
    embedding: Int? = nil
  ) -> ImageTowerConfiguration {
    ImageTowerConfiguration(
      patchSize: patchSize, width: width, depth: depth, heads: heads, mlpWidth: 4 * width,
      activation: activation,
      layerNormEpsilon: 1e-5, hasPreNorm: hasPreNorm, gridRows: grid, gridColumns: grid,
      positionInterpolation: positions, embeddingWidth: embedding, mean: [0.48, 0.45, 0.41],
      standardDeviation: [0.27, 0.26, 0.28])
  }
}
