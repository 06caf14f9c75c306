/// A dense row-major matrix of 32-bit floats: `values[row * columns + column]`.
///
/// It is the currency between the stages after the encoder: tokens, bank vectors, score maps. Copying is
/// copy-on-write, so handing one from stage to stage moves no numbers.
public struct Matrix: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  public var values: [Float]

  /// - Precondition: `values` holds exactly `rows * columns` numbers.
  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(
      rows >= 0 && columns >= 0 && values.count == rows * columns,
      "A \(rows) x \(columns) matrix needs \(rows * columns) values, not \(values.count).")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// A matrix of zeros.
  public init(rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, values: [Float](repeating: 0, count: rows * columns))
  }

  public subscript(row: Int, column: Int) -> Float {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// One row, without copying it.
  public func row(_ index: Int) -> ArraySlice<Float> {
    values[index * columns..<(index + 1) * columns]
  }
}
