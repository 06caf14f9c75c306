internal import COpenBLAS

extension Matrix {
  /// The matrix product of this (m x k) and the transpose of `other` (n x k): m x n, by OpenBLAS.
  ///
  /// Its last bits depend on the processor: it is for the float32 reference, never for a verdict.
  /// - Precondition: both have the same number of columns.
  public func multiplied(byTransposeOf other: Matrix) -> Matrix {
    precondition(columns == other.columns, "Inner sizes differ: \(columns) and \(other.columns).")
    var product = Matrix(rows: rows, columns: other.rows)
    guard rows > 0, other.rows > 0, columns > 0 else { return product }
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(other.rows), blasint(columns), 1,
      values, blasint(columns), other.values, blasint(columns), 0, &product.values, blasint(other.rows))
    return product
  }

  /// The matrix product of this (m x k) and `other` (k x n): m x n, by OpenBLAS.
  /// - Precondition: this has as many columns as `other` has rows.
  public func multiplied(by other: Matrix) -> Matrix {
    precondition(columns == other.rows, "Inner sizes differ: \(columns) and \(other.rows).")
    var product = Matrix(rows: rows, columns: other.columns)
    guard rows > 0, other.columns > 0, columns > 0 else { return product }
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(other.columns), blasint(columns), 1,
      values, blasint(columns), other.values, blasint(other.columns), 0, &product.values,
      blasint(other.columns))
    return product
  }
}

/// Threads OpenBLAS may use, for the whole process.
public func setBLASThreads(_ threads: Int) {
  openblas_set_num_threads(Int32(threads))
}
