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

  @Test func `a query that visits a few groups finds the exact neighbour or nearly one`() {
    let bank = Self.vectors(3000, 48, seed: 1)
    let queries = Self.vectors(130, 48, seed: 2)
    let similarities = queries.multiplied(byTransposeOf: bank)
    let index = NearestVectors(
      vectors: bank, grouping: .standard(vectors: 3000), path: KernelPath.available[0],
      pool: ThreadPool(threads: 2))
    var exact = 0
    for (row, neighbour) in index.search(queries).enumerated() {
      let best = similarities.row(row).max() ?? 0
      #expect(abs(neighbour.similarity - similarities[row, neighbour.index]) < 1e-5)
      #expect(best - neighbour.similarity < 0.1)
      if best - neighbour.similarity < 1e-6 { exact += 1 }
    }
    // Noise in 48 directions is the hardest case there is: nothing tells a group where its vectors lie.
    #expect(exact > 60)
  }

  @Test func `a query that visits all groups finds what one without groups does`() {
    let bank = Self.vectors(700, 48, seed: 1)
    let queries = Self.vectors(130, 48, seed: 2)
    let pool = ThreadPool(threads: 2)
    let path = KernelPath.available[0]
    let expected = NearestVectors(vectors: bank, path: path, pool: pool).search(queries)
    let grouping = NearestVectors.Grouping(groups: 40, visited: 40)
    let found = NearestVectors(vectors: bank, grouping: grouping, path: path, pool: pool).search(queries)
    // Other vectors share a lane, so now and then another one of two that int8 cannot tell apart is left.
    #expect(zip(found, expected).filter { $0 == $1 }.count > 120)
    for (found, expected) in zip(found, expected) {
      #expect(abs(found.similarity - expected.similarity) < 0.02)
    }
  }

  @Test func `with groups too every path and any number of threads find the same bits`() {
    let bank = Self.vectors(1500, 64, seed: 3)
    let queries = Self.vectors(101, 64, seed: 4)
    let grouping = NearestVectors.Grouping(groups: 50, visited: 3)
    let expected = NearestVectors(
      vectors: bank, grouping: grouping, path: .portable, pool: ThreadPool(threads: 1)
    ).search(queries)
    for path in KernelPath.available {
      for threads in [1, 3] {
        let index = NearestVectors(
          vectors: bank, grouping: grouping, path: path, pool: ThreadPool(threads: threads))
        #expect(index.search(queries) == expected, "\(path.rawValue), \(threads) threads")
      }
    }
  }

  @Test func `where all vectors are the same there is one group, and the first of them is named`() {
    let one = Self.vectors(1, 32, seed: 6)
    let bank = Matrix(rows: 100, columns: 32, values: (0..<100).flatMap { _ in one.values })
    let index = NearestVectors(
      vectors: bank, grouping: NearestVectors.Grouping(groups: 20, visited: 5), path: .portable,
      pool: ThreadPool(threads: 1))
    let found = index.search(Self.vectors(3, 32, seed: 7))
    #expect(found.map(\.index) == [0, 0, 0])
  }

  @Test func `searches of any size at the same time do not disturb each other`() async {
    let bank = Self.vectors(1500, 48, seed: 8)
    let index = NearestVectors(
      vectors: bank, grouping: .standard(vectors: 1500), path: KernelPath.available[0],
      pool: ThreadPool(threads: 1))
    let queries = (0..<12).map { Self.vectors(40 + $0 % 3 * 70, 48, seed: UInt64(20 + $0)) }
    let expected = queries.map { index.search($0) }
    await withTaskGroup(of: (Int, [Neighbour]).self) { group in
      for (number, queries) in queries.enumerated() {
        group.addTask { (number, index.search(queries)) }
      }
      for await (number, found) in group { #expect(found == expected[number]) }
    }
  }
}
