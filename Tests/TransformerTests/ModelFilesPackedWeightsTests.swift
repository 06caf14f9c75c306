import Compute
import TestSupport
import Testing
import Transformer

@Suite struct ModelFilesPackedWeightsTests {
  @Test func roundsHalvesToEven() {
    // The largest weight makes the scale exactly 1.
    let weights: [Float] = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 126.5, -127]
    let packed = PackedWeights(quantising: Matrix(rows: 1, columns: 10, values: weights))
    #expect(packed.scales == [1])
    #expect(packed.dequantised().values == [127, 0, 2, 2, 0, -2, -2, 0, 126, -127])
  }

  @Test func smallestRows() {
    let tiny = Float.leastNonzeroMagnitude
    let packed = PackedWeights(
      quantising: Matrix(rows: 3, columns: 2, values: [0, -0.0, tiny, -tiny, 1e-36, 0]))
    #expect(packed.scales == [1, .leastNormalMagnitude, .leastNormalMagnitude])
    #expect(packed.dequantised().values[..<4] == [0, 0, 0, 0])
    #expect(abs(packed.dequantised()[2, 0] - 1e-36) <= .leastNormalMagnitude / 2)
  }

  @Test func largestRowsDoNotOverflow() {
    let largest = Float.greatestFiniteMagnitude
    let packed = PackedWeights(quantising: Matrix(rows: 1, columns: 2, values: [largest, -largest]))
    #expect(Set(packed.values) == [127, -127, 0])
    #expect(packed.scales[0].isFinite)
  }

  @Test func layout() {
    // 17 x 5 weights that tell where they come from, at scale 1, padded to 32 x 8.
    let values = (0..<17).flatMap { row in
      (0..<5).map { column in Float(column == 0 ? 127 : row * 4 + column) }
    }
    let packed = PackedWeights(quantising: Matrix(rows: 17, columns: 5, values: values))
    #expect(PackedWeights.shape(rows: 17, columns: 5) == [2, 2, 16, 4])
    #expect(packed.values.count == 256)
    // Second row: its inputs 0 to 3 lie after the first row's.
    #expect(packed.values[..<8] == [127, 1, 2, 3, 127, 5, 6, 7])
    // Inputs 4 to 7 of the first 16 rows: only input 4 exists.
    #expect(packed.values[64..<72] == [4, 0, 0, 0, 8, 0, 0, 0])
    // The 17th row starts the second block of rows, the rest of which is padding.
    #expect(packed.values[128..<136] == [127, 65, 66, 67, 0, 0, 0, 0])
    #expect(packed.values[136...].filter { $0 != 0 } == [68])
    #expect(packed.dequantised().values == values)
  }

  @Test func staysWithinHalfAStep() {
    var generator = SeededGenerator(seed: 1)
    let values = (0..<40 * 36).map { _ in Float.random(in: -1...1, using: &generator) }
    let weights = Matrix(rows: 40, columns: 36, values: values)
    let packed = PackedWeights(quantising: weights)
    let restored = packed.dequantised()
    for row in 0..<40 {
      for column in 0..<36 {
        #expect(abs(weights[row, column] - restored[row, column]) <= packed.scales[row] * 0.50001)
      }
      #expect(packed.scales[row] == weights.row(row).map(\.magnitude).reduce(0, max) / 127)
    }
  }
}
