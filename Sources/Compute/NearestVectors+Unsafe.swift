internal import CKernels

/// One search result.
public struct Neighbour: Sendable, Equatable, BitwiseCopyable {
  /// Row of the stored matrix.
  public let index: Int
  /// Cosine of the query and that row, computed in float32.
  public let similarity: Float

  public init(index: Int, similarity: Float) {
    self.index = index
    self.similarity = similarity
  }
}

/// The nearest of many unit vectors to each of many unit vectors, by cosine: int8 to find, float32 to score.
///
/// All vectors are compared in int8, with one scale a vector. For each query the best of every sixteenth vector stays
/// in the race, and those of them that int8 cannot tell apart are compared again in float32; so the similarity
/// returned is exact for the vector returned, and the vector is the nearest one or as good as it within int8's error.
/// The result has the same bits on every instruction set and any number of threads.
public final class NearestVectors: Sendable {
  public let vectors: Matrix
  private let path: KernelPath
  private let pool: ThreadPool
  private let packed: AlignedBuffer<Int8>
  private let scales: AlignedBuffer<Float>
  private let sums: AlignedBuffer<Int32>

  /// Queries a thread takes at a time, and vectors they are compared with before the next are read: the vectors of
  /// one step stay in the second-level cache.
  private static let queryChunk = 96
  private static let vectorChunk = 1024
  /// Candidates whose int8 cosines are within this of the best are compared in float32. The error of an int8 cosine
  /// of 384 channels is about 0.003 (one standard deviation).
  private static let margin: Float = 0.02

  /// - Parameters:
  ///   - vectors: at least one row, each of length 1; the number of columns is a multiple of 16.
  ///   - path: the instruction set to use.
  ///   - pool: the threads that share a search.
  public init(vectors: Matrix, path: KernelPath, pool: ThreadPool) {
    precondition(
      vectors.rows > 0 && vectors.columns % 16 == 0,
      "A search needs vectors whose length is a multiple of 16, not \(vectors.rows) of length \(vectors.columns)."
    )
    self.vectors = vectors
    self.path = path
    self.pool = pool
    let depth = vectors.columns
    let groups = depth / 4
    // The last panel is filled up with the last vector, which changes no result.
    let columns = (vectors.rows + 15) / 16 * 16
    let packed = AlignedBuffer<Int8>(count: columns * depth)
    let scales = AlignedBuffer<Float>(count: columns)
    let sums = AlignedBuffer<Int32>(count: columns)
    pool.forEach(columns / 16) { panel, _ in
      for channel in 0..<16 {
        let column = panel * 16 + channel
        let row = vectors.row(min(column, vectors.rows - 1))
        let scale = max(row.reduce(0) { max($0, abs($1)) } / 127, .leastNormalMagnitude)
        var sum: Int32 = 0
        for (k, value) in row.enumerated() {
          let quantised = Int8(min(max((value / scale).rounded(.toNearestOrEven), -127), 127))
          packed.base[(panel * groups + k / 4) * 64 + channel * 4 + k % 4] = quantised
          sum += Int32(quantised)
        }
        scales.base[column] = scale
        sums.base[column] = sum
      }
    }
    (self.packed, self.scales, self.sums) = (packed, scales, sums)
  }

  /// The nearest stored vector of each row of `queries`, which have length 1.
  public func search(_ queries: Matrix) -> [Neighbour] {
    precondition(
      queries.columns == vectors.columns, "Queries have \(queries.columns) channels, not \(vectors.columns).")
    guard let kernels = path.kernels else { preconditionFailure("The path was checked when it was chosen.") }
    let found = AlignedBuffer<Neighbour>(count: queries.rows)
    let chunks = (queries.rows + Self.queryChunk - 1) / Self.queryChunk
    let run = Run(index: self, kernels: kernels)
    pool.forEach(chunks) { chunk, _ in
      let rows = chunk * Self.queryChunk..<min((chunk + 1) * Self.queryChunk, queries.rows)
      run.search(queries, rows, into: found)
    }
    return Array(found.elements)
  }

  private struct Run: @unchecked Sendable {
    let index: NearestVectors
    let kernels: ck_kernels

    func search(_ queries: Matrix, _ rows: Range<Int>, into found: AlignedBuffer<Neighbour>) {
      let depth = queries.columns
      let quantised = AlignedBuffer<UInt8>(count: rows.count * depth)
      let scales = AlignedBuffer<Float>(count: rows.count)
      let best = AlignedBuffer<Float>(count: rows.count * 16)
      let column = AlignedBuffer<Int32>(count: rows.count * 16)
      best.elements.update(repeating: -.infinity)
      queries.values.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        kernels.quantise(
          base + rows.lowerBound * depth, depth, rows.count, depth, quantised.base, depth, scales.base)
      }
      for first in stride(from: 0, to: index.scales.count, by: NearestVectors.vectorChunk) {
        let count = min(NearestVectors.vectorChunk, index.scales.count - first)
        kernels.maximise_int8(
          ck_activations(values: quantised.base, stride: depth, scales: scales.base), rows.count,
          ck_weights(
            values: index.packed.base + first * depth, scales: index.scales.base + first,
            sums: index.sums.base + first,
            depth: depth, columns: count),
          Int32(first), best.base, column.base)
      }
      for (slot, row) in rows.enumerated() {
        found.base[row] = settle(
          queries, row, scale: scales.base[slot], best.elements[slot * 16..<slot * 16 + 16],
          column.elements[slot * 16..<slot * 16 + 16])
      }
    }

    /// Compares in float32 those of a query's sixteen candidates that are near the best.
    private func settle(
      _ queries: Matrix, _ row: Int, scale: Float, _ best: Slice<UnsafeMutableBufferPointer<Float>>,
      _ columns: Slice<UnsafeMutableBufferPointer<Int32>>
    ) -> Neighbour {
      let limit = (best.max() ?? 0) * scale - NearestVectors.margin
      var winner = Neighbour(index: 0, similarity: -.infinity)
      for (value, column) in zip(best, columns) where value * scale >= limit {
        let candidate = min(Int(column), index.vectors.rows - 1)
        let similarity = index.vectors.innerProduct(ofRow: candidate, with: queries, row: row)
        if similarity > winner.similarity || (similarity == winner.similarity && candidate < winner.index) {
          winner = Neighbour(index: candidate, similarity: similarity)
        }
      }
      return winner
    }
  }
}

extension Matrix {
  /// Sixteen running sums, each product rounded before it is added, folded in halves: one order everywhere.
  fileprivate func innerProduct(ofRow row: Int, with other: Matrix, row otherRow: Int) -> Float {
    values.withUnsafeBufferPointer { left in
      other.values.withUnsafeBufferPointer { right in
        var sums = SIMD16<Float>()
        for k in stride(from: 0, to: columns, by: 16) {
          let a = UnsafeRawPointer(left.baseAddress! + row * columns + k).loadUnaligned(
            as: SIMD16<Float>.self)
          let b = UnsafeRawPointer(right.baseAddress! + otherRow * columns + k).loadUnaligned(
            as: SIMD16<Float>.self)
          sums += a * b
        }
        let eight = sums.lowHalf + sums.highHalf
        let four = eight.lowHalf + eight.highHalf
        return (four.x + four.z) + (four.y + four.w)
      }
    }
  }
}
