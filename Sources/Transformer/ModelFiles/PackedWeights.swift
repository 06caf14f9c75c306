public import Compute

/// The int8 weights of one linear layer, in the order the int8 kernels read them.
///
/// Rows are output channels, columns inputs. Weight `[o, i]` is `scales[o] * values[o / 16][i / 4][o % 16][i % 4]`:
/// a block of 16 channels by 4 inputs is 64 contiguous bytes. Rows are padded to a multiple of 16 and columns to a
/// multiple of 4, with zeros.
public struct PackedWeights: Sendable, Equatable {
  public static let rowBlock = 16
  public static let columnBlock = 4

  public let rows: Int
  public let columns: Int
  /// -127...127; -128 never occurs, so that negating a weight cannot overflow.
  public let values: [Int8]
  /// One positive factor a row.
  public let scales: [Float]

  /// Quantises symmetrically with one scale a row: `scale = max |w| / 127`, `value = w / scale` rounded to the
  /// nearest whole number, halves to even.
  ///
  /// A row of zeros gets the scale 1. A row so small that its scale would be subnormal gets the smallest normal
  /// number instead.
  /// - Precondition: all weights are finite.
  public init(quantising weights: Matrix) {
    rows = weights.rows
    columns = weights.columns
    var values = [Int8](repeating: 0, count: Self.shape(rows: rows, columns: columns).reduce(1, *))
    scales = (0..<weights.rows).map { row in
      let channel = weights.row(row)
      let largest = channel.reduce(Float(0)) { max($0, $1.magnitude) }
      let scale = largest == 0 ? 1 : max(largest / 127, .leastNormalMagnitude)
      for (column, weight) in channel.enumerated() {
        // Rounding of the scale can leave the largest weight a hair above 127.
        let steps = min(max((weight / scale).rounded(.toNearestOrEven), -127), 127)
        values[Self.offset(row: row, column: column, columns: weights.columns)] = Int8(steps)
      }
      return scale
    }
    self.values = values
  }

  /// The weights the packed ones stand for.
  public func dequantised() -> Matrix {
    Self.dequantised(rows: rows, columns: columns, value: { values[$0] }, scale: { scales[$0] })
  }

  /// Shape of the packed tensor: `[row blocks, column blocks, 16, 4]`.
  public static func shape(rows: Int, columns: Int) -> [Int] {
    [(rows + rowBlock - 1) / rowBlock, (columns + columnBlock - 1) / columnBlock, rowBlock, columnBlock]
  }

  /// Index of a weight in the packed values of a matrix with that many columns.
  public static func offset(row: Int, column: Int, columns: Int) -> Int {
    let block = row / rowBlock * ((columns + columnBlock - 1) / columnBlock) + column / columnBlock
    return (block * rowBlock + row % rowBlock) * columnBlock + column % columnBlock
  }

  static func dequantised(
    rows: Int, columns: Int, value: (Int) -> Int8, scale: (Int) -> Float
  ) -> Matrix {
    var weights = Matrix(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns {
        weights[row, column] = scale(row) * Float(value(offset(row: row, column: column, columns: columns)))
      }
    }
    return weights
  }
}
