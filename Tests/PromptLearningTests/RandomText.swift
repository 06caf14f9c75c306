import Compute
import TestSupport
import Transformer

/// The text tower of a small model with seeded random weights.
final class RandomText: Sendable {
  let model: ModelFile
  let tower: TextTower
  private let source: RandomModel

  static let merges = RandomModel.merges

  init(
    activation: ImageTowerConfiguration.Activation = .gelu, threads: Int = 2,
    path: KernelPath = KernelPath.available[0], contextLength: Int = 20
  ) throws {
    source = try RandomModel(
      patchSize: 8, grid: 2, imageDepth: 1, imageWidth: 16, activation: activation,
      contextLength: contextLength)
    model = source.model
    tower = try TextTower(model: model, path: path, pool: ThreadPool(threads: threads))
  }

  static func matrix(rows: Int, columns: Int, seed: UInt64, scale: Float = 1) -> Matrix {
    var random = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns,
      values: (0..<rows * columns).map { _ in scale * Float.random(in: -1...1, using: &random) })
  }
}
