import Compute
import TestSupport
import Testing

@testable import Transformer

@Suite struct NormMigrationTests {
  private static let width = 48

  /// A LayerNorm with a few channels much larger than the others, as trained ones have, and a layer behind it.
  private static func sample() -> (gain: [Float], bias: [Float], weights: Matrix, normalised: Matrix) {
    var generator = SeededGenerator(seed: 11)
    func random(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
    }
    let gain = random(width).enumerated().map { $0 % 16 == 3 ? 12 * $1 : $1 * 0.2 }
    let weights = Matrix(rows: 32, columns: width, values: random(32 * width))
    return (
      gain, random(width).map { $0 * 0.1 }, weights,
      Matrix(rows: 20, columns: width, values: random(20 * width))
    )
  }

  private static func layer(
    _ normalised: Matrix, _ gain: [Float], _ bias: [Float], _ weights: Matrix, int8: Bool
  ) -> Matrix {
    var input = normalised
    for index in input.values.indices {
      input.values[index] = input.values[index] * gain[index % width] + bias[index % width]
    }
    guard int8 else { return input.multiplied(byTransposeOf: weights) }
    for row in 0..<input.rows {
      let scale = input.row(row).reduce(0) { max($0, abs($1)) } / 127
      for column in 0..<width { input[row, column] = (input[row, column] / scale).rounded() * scale }
    }
    return input.multiplied(byTransposeOf: PackedWeights(quantising: weights).dequantised())
  }

  @Test func `it changes nothing in float32 and makes int8 better`() {
    let (gain, bias, weights, normalised) = Self.sample()
    let migration = NormMigration(gain: gain, bias: bias, weights: weights)
    let exact = Self.layer(normalised, gain, bias, weights, int8: false)
    let same = Self.layer(normalised, migration.gain, migration.bias, migration.weights, int8: false)
    #expect(zip(exact.values, same.values).allSatisfy { abs($0 - $1) < 1e-4 })
    func error(_ found: Matrix) -> Float {
      zip(exact.values, found.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let before = error(Self.layer(normalised, gain, bias, weights, int8: true))
    let after = error(Self.layer(normalised, migration.gain, migration.bias, migration.weights, int8: true))
    #expect(after < before / 1.5)
  }

  @Test func `channels that are never anything or never read stay as they are`() {
    var (gain, bias, weights, _) = Self.sample()
    (gain[5], bias[5]) = (0, 0)
    for row in 0..<weights.rows { weights[row, 9] = 0 }
    let migration = NormMigration(gain: gain, bias: bias, weights: weights)
    #expect(migration.gain[5] == 0 && migration.bias[5] == 0)
    #expect(migration.gain[9] == gain[9])
    #expect((migration.gain + migration.bias + migration.weights.values).allSatisfy { $0.isFinite })
  }
}
