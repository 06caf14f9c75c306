/// k-means for unit vectors by cosine (Dhillon and Modha 2001): centres of groups of vectors that point the same way.
enum SphericalKMeans {
  /// Vectors a centre is learned from, and rounds of learning; twice as many of both moved the pixel AUROC by less than
  /// 0.01.
  private static let sample = 32
  private static let rounds = 4

  /// - Parameters:
  ///   - count: at most the number of vectors.
  ///   - vectors: L2-normalised rows; the number of columns is a multiple of 16.
  /// - Returns: `count` L2-normalised rows, the same bits on every instruction set and any number of threads.
  static func centres(_ count: Int, of vectors: Matrix, path: KernelPath, pool: ThreadPool) -> Matrix {
    let learned = evenly(min(count * sample, vectors.rows), of: vectors)
    // No two runs may differ, so the first centres are not drawn but spread over the vectors.
    var centres = evenly(count, of: learned)
    for _ in 0..<rounds {
      let nearest = NearestVectors(vectors: centres, path: path, pool: pool).search(learned)
      var sums = Matrix(rows: count, columns: vectors.columns)
      for (row, neighbour) in nearest.enumerated() {
        let target = neighbour.index * vectors.columns
        for (column, value) in learned.row(row).enumerated() { sums.values[target + column] += value }
      }
      // A centre that no vector is nearest to stays where it was.
      let isUsed = nearest.reduce(into: [Bool](repeating: false, count: count)) { $0[$1.index] = true }
      for row in 0..<count where !isUsed[row] {
        sums.values.replaceSubrange(
          row * vectors.columns..<(row + 1) * vectors.columns, with: centres.row(row))
      }
      centres = sums.l2Normalised()
    }
    return centres
  }

  private static func evenly(_ count: Int, of vectors: Matrix) -> Matrix {
    vectors.rows((0..<count).map { $0 * vectors.rows / count })
  }
}
