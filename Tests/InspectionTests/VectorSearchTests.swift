import Compute
import TestSupport
import Testing

@testable import Inspection

/// Random unit vectors.
func unitVectors(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
  var generator = SeededGenerator(seed: seed)
  return Matrix(
    rows: rows, columns: columns,
    values: (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &generator) }
  ).l2Normalised()
}

@Suite struct VectorSearchTests {
  /// The obvious way, in double precision.
  private func nearest(to query: ArraySlice<Float>, in vectors: Matrix) -> (index: Int, similarity: Double) {
    var best = (index: 0, similarity: -Double.infinity)
    for row in 0..<vectors.rows {
      let similarity = zip(query, vectors.row(row)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      if similarity > best.similarity { best = (row, similarity) }
    }
    return best
  }

  @Test(arguments: [(1, 16), (1023, 32), (1025, 32), (2300, 20)])
  func theReferenceFindsTheNearest(rows: Int, columns: Int) {
    let vectors = unitVectors(rows, columns, seed: 1)
    let queries = unitVectors(7, columns, seed: 2)
    let found = ReferenceVectorSearch(vectors: vectors).search(queries)
    for query in 0..<queries.rows {
      let expected = nearest(to: queries.row(query), in: vectors)
      #expect(found[query].index == expected.index)
      #expect(abs(Double(found[query].similarity) - expected.similarity) < 1e-6)
    }
  }

  @Test func ofEqualVectorsTheFirstIsFound() {
    let one = unitVectors(1, 16, seed: 3)
    let vectors = Matrix(rows: 1200, columns: 16, values: (0..<1200).flatMap { _ in one.values })
    #expect(ReferenceVectorSearch(vectors: vectors).search(one)[0].index == 0)
  }

  /// 36 channels do not fit the kernels' lanes, and the search falls back; both must find the same.
  @Test(arguments: [32, 36])
  func theQuantisedSearchFindsAsNear(columns: Int) throws {
    let vectors = unitVectors(900, columns, seed: 4)
    let queries = unitVectors(40, columns, seed: 5)
    let method = VectorSearchMethod.quantised(try KernelPath(named: "portable"), ThreadPool(threads: 2))
    let exact = VectorSearchMethod.reference.prepare(vectors).search(queries)
    for (found, exact) in zip(method.prepare(vectors).search(queries), exact) {
      #expect(abs(found.similarity - exact.similarity) < 0.01)
    }
  }
}
