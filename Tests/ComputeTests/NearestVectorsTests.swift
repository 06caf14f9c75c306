import Compute
import TestSupport
import Testing

@Suite struct NearestVectorsTests {
  /// Unit vectors around a few centres, as patch features are.
  static func vectors(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    var generator = SeededGenerator(seed: seed)
    var centres = SeededGenerator(seed: 99)
    let means = (0..<5).map { _ in centres.floats(columns) }
    var matrix = Matrix(rows: rows, columns: columns)
    for row in 0..<rows {
      let mean = means[row % 5]
      let noise = generator.floats(columns)
      let values = zip(mean, noise).map { $0 + 0.3 * $1 }
      let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for column in 0..<columns { matrix[row, column] = values[column] / length }
    }
    return matrix
  }

  @Test(arguments: [1, 15, 16, 17, 100, 2500])
  func `the neighbour is the exact one or as near as int8 can tell`(_ count: Int) {
    let bank = Self.vectors(count, 48, seed: 1)
    let queries = Self.vectors(130, 48, seed: 2)
    let similarities = queries.multiplied(byTransposeOf: bank)
    let found = NearestVectors(vectors: bank, path: KernelPath.available[0], pool: ThreadPool(threads: 2))
      .search(queries)
    #expect(found.count == 130)
    var exact = 0
    for (row, neighbour) in found.enumerated() {
      let best = similarities.row(row).max() ?? 0
      #expect(abs(neighbour.similarity - similarities[row, neighbour.index]) < 1e-5)
      #expect(best - neighbour.similarity < 0.02)
      if best - neighbour.similarity < 1e-6 { exact += 1 }
    }
    #expect(exact > 120)
  }

  @Test func `every path and any number of threads find the same bits`() {
    let bank = Self.vectors(700, 64, seed: 3)
    let queries = Self.vectors(101, 64, seed: 4)
    let expected = NearestVectors(vectors: bank, path: .portable, pool: ThreadPool(threads: 1)).search(
      queries)
    for path in KernelPath.available {
      for threads in [1, 3] {
        let index = NearestVectors(vectors: bank, path: path, pool: ThreadPool(threads: threads))
        #expect(index.search(queries) == expected, "\(path.rawValue), \(threads) threads")
      }
    }
  }

  @Test func `a stored vector is its own neighbour, and of equal vectors the first is named`() {
    var bank = Self.vectors(40, 32, seed: 5)
    bank.values.replaceSubrange(20 * 32..<21 * 32, with: bank.row(3))
    let found = NearestVectors(vectors: bank, path: KernelPath.available[0], pool: ThreadPool(threads: 1))
      .search(bank)
    for (row, neighbour) in found.enumerated() {
      #expect(neighbour.index == (row == 20 ? 3 : row))
      #expect(abs(neighbour.similarity - 1) < 1e-5)
    }
  }
}
