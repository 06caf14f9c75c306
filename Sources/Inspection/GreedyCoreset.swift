import Compute

/// Greedy k-centre selection: of many vectors, those that leave none of the others far from a kept one.
///
/// Each step keeps the vector whose nearest kept one is farthest by cosine distance, which covers the set within
/// twice the smallest possible radius (Gonzalez 1985). The start is the vector nearest to the mean of all, so the
/// result does not depend on chance.
enum GreedyCoreset {
  struct Selection: Equatable {
    /// Kept vectors in the order they were chosen.
    var chosen: [Int]
    /// The highest cosine distance of a vector to its nearest kept one.
    var radius: Float
  }

  /// Vectors among which a round looks for the next ones.
  private static let poolSize = 512

  /// - Parameter vectors: L2-normalised rows.
  /// - Precondition: `1 <= count <= vectors.rows`.
  ///
  /// A plain step would read every vector once a kept one. Here a round picks among the pool of the farthest for
  /// as long as no vector outside can be farther, and only then brings all vectors up to date in one matrix
  /// product: the same choice at the speed of matrix products.
  static func select(
    _ count: Int, of vectors: Matrix, progress: (Int) throws -> Void = { _ in }
  ) throws -> Selection {
    // The similarity to the nearest kept vector: an upper bound of nothing, exact after `update`.
    var nearest = [Float](repeating: -.infinity, count: vectors.rows)
    var isChosen = [Bool](repeating: false, count: vectors.rows)
    var chosen: [Int] = []
    var pending: [Int] = []

    func choose(_ index: Int) {
      isChosen[index] = true
      chosen.append(index)
      pending.append(index)
    }

    func update() {
      let centres = vectors.rows(pending)
      pending = []
      for start in stride(from: 0, to: vectors.rows, by: 4096) {
        let range = start..<min(start + 4096, vectors.rows)
        let similarities = vectors.rows(range).multiplied(byTransposeOf: centres)
        for row in 0..<range.count {
          for similarity in similarities.row(row) where similarity > nearest[start + row] {
            nearest[start + row] = similarity
          }
        }
      }
    }

    choose(nearestToMean(of: vectors))
    while true {
      update()
      try progress(chosen.count)
      let candidates = vectors.rows == chosen.count ? [] : farthest(poolSize + 1, nearest, isChosen)
      guard chosen.count < count else {
        return Selection(chosen: chosen, radius: candidates.first.map { max(0, 1 - nearest[$0]) } ?? 0)
      }
      let pool = Array(candidates.prefix(poolSize))
      let barrier = candidates.count > poolSize ? nearest[candidates[poolSize]] : .infinity
      let members = vectors.rows(pool)
      let similarities = members.multiplied(byTransposeOf: members)
      var poolNearest = pool.map { nearest[$0] }
      var pick = 0
      repeat {
        choose(pool[pick])
        for (other, similarity) in similarities.row(pick).enumerated() {
          poolNearest[other] = max(poolNearest[other], similarity)
        }
        poolNearest[pick] = .infinity
        pick = poolNearest.indices.min { (poolNearest[$0], pool[$0]) < (poolNearest[$1], pool[$1]) } ?? 0
      } while chosen.count < count && poolNearest[pick] < barrier && !isChosen[pool[pick]]
    }
  }

  private static func nearestToMean(of vectors: Matrix) -> Int {
    var mean = Matrix(rows: 1, columns: vectors.columns)
    for row in 0..<vectors.rows {
      for (column, value) in vectors.row(row).enumerated() { mean.values[column] += value }
    }
    let similarities = vectors.multiplied(byTransposeOf: mean).values
    return similarities.indices.max { (similarities[$0], $1) < (similarities[$1], $0) } ?? 0
  }

  /// The vectors farthest from what is kept, farthest first, at most `count` of those not kept.
  private static func farthest(_ count: Int, _ nearest: [Float], _ isChosen: [Bool]) -> [Int] {
    let open = nearest.indices.filter { !isChosen[$0] }
    // Sorting all of them every round would cost more than the products: cut by the value at the right rank
    // of a sample first.
    let stride = max(1, open.count / 4096)
    let sample = Swift.stride(from: 0, to: open.count, by: stride).map { nearest[open[$0]] }.sorted()
    let rank = min(sample.count - 1, 2 * count / stride + 16)
    let cut = sample[rank]
    var front = open.filter { nearest[$0] <= cut }
    if front.count < count { front = open }
    return Array(front.sorted { (nearest[$0], $0) < (nearest[$1], $1) }.prefix(count))
  }
}
