public import Compute

extension Matrix {
  /// The matrix as a map at another size, interpolated linearly between cell centres.
  ///
  /// `rows x columns` becomes `newRows x newColumns`. Output `i` of an axis lies at `(i + 0.5) * in / out - 0.5`;
  /// beyond the outermost centres the edge value holds. This is PyTorch's `interpolate(mode="bilinear",
  /// align_corners=False)`. There is no antialiasing: meant for making maps larger.
  ///
  /// - Parameter alignsCorners: the outermost cell centres become the outermost output pixels instead, output `i`
  ///   lying at `i * (in - 1) / (out - 1)`: PyTorch's `align_corners=True`.
  /// - Precondition: the matrix is not empty and both sides are at least 1.
  public func upsampled(rows newRows: Int, columns newColumns: Int, alignsCorners: Bool = false) -> Matrix {
    precondition(rows >= 1 && columns >= 1, "An empty map cannot be resized.")
    precondition(newRows >= 1 && newColumns >= 1, "A map of \(newRows) x \(newColumns) has no content.")
    if newRows == rows, newColumns == columns { return self }
    let vertical = Self.interpolation(from: rows, to: newRows, alignsCorners)
    let horizontal = Self.interpolation(from: columns, to: newColumns, alignsCorners)
    return Matrix(
      rows: newRows, columns: newColumns, values: interpolated(vertical: vertical, horizontal: horizontal))
  }

  /// Between which two cells an output position lies, and how much of the way to the second.
  struct Interpolation {
    var first: Int
    var second: Int
    var fraction: Float
  }

  private static func interpolation(from input: Int, to output: Int, _ alignsCorners: Bool) -> [Interpolation]
  {
    let scale =
      alignsCorners ? Double(input - 1) / Double(max(1, output - 1)) : Double(input) / Double(output)
    return (0..<output).map { position in
      let wanted = alignsCorners ? Double(position) * scale : (Double(position) + 0.5) * scale - 0.5
      let at = min(max(wanted, 0), Double(input - 1))
      let first = Int(at)
      return Interpolation(
        first: first, second: min(first + 1, input - 1), fraction: Float(at - Double(first)))
    }
  }
}
