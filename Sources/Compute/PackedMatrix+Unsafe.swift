internal import CKernels

/// The right-hand side of float32 products, in the order `ck_kernels.multiply_float` reads it: panels of 16 columns.
///
/// A product adds over the depth in ascending order, one fused multiply-add each, so it has the same bits on every
/// instruction set and any number of threads. `docs/promptad.md` has its speed beside OpenBLAS.
package final class PackedMatrix: Sendable {
  /// Rows of the right-hand side: what is summed over.
  package let depth: Int
  /// Columns of the right-hand side.
  package let columns: Int
  /// Columns up to a multiple of 16; those past the end are zero.
  package let paddedColumns: Int
  package let panels: AlignedBuffer<Float>

  /// Columns a thread takes at a time: their panels stay in the second-level cache while all rows pass.
  package static let chunk = 32

  /// How the values of a right-hand side lie in memory.
  package enum Layout: Sendable {
    /// `depth x columns`, row-major.
    case plain
    /// `columns x depth`, row-major: the weights of a linear layer with `columns` outputs.
    case transposed
  }

  package init(_ values: UnsafeBufferPointer<Float>, _ layout: Layout, depth: Int, columns: Int) {
    precondition(
      values.count == depth * columns,
      "A right-hand side of \(depth) x \(columns) needs as many values, not \(values.count).")
    self.depth = depth
    self.columns = columns
    paddedColumns = (columns + 15) / 16 * 16
    panels = AlignedBuffer(count: paddedColumns * depth)
    let (rowStride, columnStride) = layout == .plain ? (columns, 1) : (1, depth)
    for panel in 0..<paddedColumns / 16 {
      let lanes = min(16, columns - panel * 16)
      for row in 0..<depth {
        let target = panels.base + (panel * depth + row) * 16
        let source = row * rowStride + panel * 16 * columnStride
        for lane in 0..<lanes { target[lane] = values[source + lane * columnStride] }
      }
    }
  }

  package convenience init(_ matrix: Matrix) {
    self.init(matrix, .plain, depth: matrix.rows, columns: matrix.columns)
  }

  package convenience init(transposeOf matrix: Matrix) {
    self.init(matrix, .transposed, depth: matrix.columns, columns: matrix.rows)
  }

  private convenience init(_ matrix: Matrix, _ layout: Layout, depth: Int, columns: Int) {
    // The copy into panels is made before the pointer ends.
    let holder = AlignedBuffer<Float>(matrix.values)
    self.init(UnsafeBufferPointer(holder.elements), layout, depth: depth, columns: columns)
  }

  /// `left` times this matrix, the columns shared by the threads of `pool`.
  /// - Precondition: `left` has `depth` columns, and this processor can run `path`.
  package func multiplied(byRowsOf left: Matrix, path: KernelPath, pool: ThreadPool) -> Matrix {
    precondition(left.columns == depth, "Inner sizes differ: \(left.columns) and \(depth).")
    guard let kernels = path.kernels else { preconditionFailure("The path was checked when it was chosen.") }
    let rows = left.rows
    let padded = AlignedBuffer<Float>(count: rows * paddedColumns)
    // Functions of a processor do not change.
    nonisolated(unsafe) let functions = kernels
    pool.forEach((paddedColumns + Self.chunk - 1) / Self.chunk) { chunk, _ in
      let first = chunk * Self.chunk
      let count = min(Self.chunk, self.paddedColumns - first)
      left.values.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        functions.multiply_float(
          base, self.depth, rows, self.panels.base + first * self.depth, self.depth, count, nil,
          padded.base + first, self.paddedColumns)
      }
    }
    var product = Matrix(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns {
        product.values[row * columns + column] = padded.base[row * paddedColumns + column]
      }
    }
    return product
  }
}
