internal import CKernels

/// Unit vectors in int8, one scale a vector, in the panels of sixteen that kernels read.
///
/// They stand in groups that each begin with a panel of their own; the last panel of a group is filled up with its last
/// vector, which changes no nearest neighbour.
final class PackedVectors: Sendable {
  /// Channels a vector.
  let depth: Int
  /// The row of the matrix that each column holds.
  let rows: [Int32]
  /// The columns of each group; multiples of 16.
  let groups: [Range<Int>]
  private let values: AlignedBuffer<Int8>
  private let scales: AlignedBuffer<Float>
  private let sums: AlignedBuffer<Int32>

  /// - Parameters:
  ///   - vectors: the number of columns is a multiple of 16.
  ///   - groups: rows of `vectors`; none is empty.
  init(_ vectors: Matrix, groups: [[Int32]], pool: ThreadPool) {
    let depth = vectors.columns
    var rows: [Int32] = []
    self.groups = groups.map { group in
      let first = rows.count
      rows += group
      while rows.count % 16 != 0 { rows.append(group[group.count - 1]) }
      return first..<rows.count
    }
    let columns = rows
    let values = AlignedBuffer<Int8>(count: columns.count * depth)
    let scales = AlignedBuffer<Float>(count: columns.count)
    let sums = AlignedBuffer<Int32>(count: columns.count)
    pool.forEach(columns.count / 16) { panel, _ in
      for channel in 0..<16 {
        let column = panel * 16 + channel
        let row = vectors.row(Int(columns[column]))
        let scale = max(row.reduce(0) { max($0, abs($1)) } / 127, .leastNormalMagnitude)
        var sum: Int32 = 0
        for (k, value) in row.enumerated() {
          let quantised = Int8(min(max((value / scale).rounded(.toNearestOrEven), -127), 127))
          values.base[(panel * (depth / 4) + k / 4) * 64 + channel * 4 + k % 4] = quantised
          sum += Int32(quantised)
        }
        scales.base[column] = scale
        sums.base[column] = sum
      }
    }
    self.depth = depth
    self.rows = rows
    (self.values, self.scales, self.sums) = (values, scales, sums)
  }

  /// - Parameter columns: bounds are multiples of 16.
  func weights(_ columns: Range<Int>) -> ck_weights {
    ck_weights(
      values: values.base + columns.lowerBound * depth, scales: scales.base + columns.lowerBound,
      sums: sums.base + columns.lowerBound, depth: depth, columns: columns.count)
  }
}
