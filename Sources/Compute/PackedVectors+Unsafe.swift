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
  init(_ vectors: Matrix, groups: [[Int32]], path: KernelPath, pool: ThreadPool) {
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
    guard let kernels = path.kernels else { preconditionFailure("The path was checked when it was chosen.") }
    // Functions of a processor do not change.
    nonisolated(unsafe) let functions = kernels
    pool.forEach(columns.count / 16) { panel, _ in
      functions.pack(
        vectors, columns[panel * 16..<panel * 16 + 16], first: panel * 16, values.base, scales.base, sums.base
      )
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

extension ck_kernels {
  /// Packs sixteen rows of a matrix as the panel that begins with column `first`.
  fileprivate func pack(
    _ vectors: Matrix, _ rows: ArraySlice<Int32>, first: Int, _ values: UnsafeMutablePointer<Int8>,
    _ scales: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Int32>
  ) {
    let depth = vectors.columns
    withUnsafeTemporaryAllocation(byteCount: rows.count * depth, alignment: 64) { scratch in
      vectors.values.withUnsafeBufferPointer { matrix in
        guard let bytes = scratch.bindMemory(to: UInt8.self).baseAddress, let matrix = matrix.baseAddress
        else { return }
        for (channel, row) in rows.enumerated() {
          quantise(
            matrix + Int(row) * depth, depth, 1, depth, bytes + channel * depth, depth,
            scales + first + channel)
        }
        pack_keys(bytes, rows.count, depth, first, values, sums)
      }
    }
  }
}
