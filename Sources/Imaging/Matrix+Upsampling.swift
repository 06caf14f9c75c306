public import Compute

extension Matrix {
  /// The matrix as a map at another size, interpolated linearly between cell centres.
  ///
  /// `rows x columns` becomes `newRows x newColumns`. Output `i` of an axis lies at `(i + 0.5) * in / out - 0.5`;
  /// beyond the outermost centres the edge value holds. This is PyTorch's `interpolate(mode="bilinear",
  /// align_corners=False)`. There is no antialiasing: meant for making maps larger.
  ///
  /// - Precondition: the matrix is not empty and both sides are at least 1.
  public func upsampled(rows newRows: Int, columns newColumns: Int) -> Matrix {
    precondition(rows >= 1 && columns >= 1, "An empty map cannot be resized.")
    precondition(newRows >= 1 && newColumns >= 1, "A map of \(newRows) x \(newColumns) has no content.")
    if newRows == rows, newColumns == columns { return self }
    let vertical = Self.interpolation(from: rows, to: newRows)
    let horizontal = Self.interpolation(from: columns, to: newColumns)
    return Matrix(
      rows: newRows, columns: newColumns, values: interpolated(vertical: vertical, horizontal: horizontal))
  }

  /// Between which two cells an output position lies, and how much of the way to the second.
  struct Interpolation {
    var first: Int
    var second: Int
    var fraction: Float
  }

  private static func interpolation(from input: Int, to output: Int) -> [Interpolation] {
    let scale = Double(input) / Double(output)
    return (0..<output).map { position in
      let at = min(max((Double(position) + 0.5) * scale - 0.5, 0), Double(input - 1))
      let first = Int(at)
      return Interpolation(
        first: first, second: min(first + 1, input - 1), fraction: Float(at - Double(first)))
    }
  }
}
