internal import Foundation

// The operations of a transformer block as plain loops: the float32 reference that the kernels are tested against.

extension Matrix {
  /// (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row, with the biased variance.
  public func layerNormalised(gain: [Float], bias: [Float], epsilon: Float) -> Matrix {
    var result = self
    for row in 0..<rows {
      let range = row * columns..<(row + 1) * columns
      let mean = values[range].reduce(0, +) / Float(columns)
      let variance = values[range].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(columns)
      let deviation = (variance + epsilon).squareRoot()
      for column in 0..<columns {
        let index = row * columns + column
        result.values[index] = (values[index] - mean) / deviation * gain[column] + bias[column]
      }
    }
    return result
  }

  /// exp(x - max) / sum of the same, row by row.
  public func softmax() -> Matrix {
    var result = self
    for row in 0..<rows {
      let range = row * columns..<(row + 1) * columns
      let top = values[range].max() ?? 0
      var sum: Float = 0
      for index in range {
        result.values[index] = exp(values[index] - top)
        sum += result.values[index]
      }
      for index in range { result.values[index] /= sum }
    }
    return result
  }

  /// 0.5 x (1 + erf(x / sqrt 2)).
  public func gelu() -> Matrix {
    map { 0.5 * $0 * (1 + erff($0 / Float(2).squareRoot())) }
  }

  /// x sigmoid(1.702 x).
  public func quickGELU() -> Matrix {
    map { $0 / (1 + exp(-1.702 * $0)) }
  }

  /// Every row plus `bias`.
  public func adding(bias: [Float]) -> Matrix {
    var result = self
    for row in 0..<rows {
      for column in 0..<columns { result.values[row * columns + column] += bias[column] }
    }
    return result
  }

  public static func + (left: Matrix, right: Matrix) -> Matrix {
    precondition(left.rows == right.rows && left.columns == right.columns, "Shapes differ.")
    var result = left
    for index in result.values.indices { result.values[index] += right.values[index] }
    return result
  }

  /// The columns of `range`, as a matrix of their own.
  public func columns(_ range: Range<Int>) -> Matrix {
    var result = Matrix(rows: rows, columns: range.count)
    for row in 0..<rows {
      for (index, column) in range.enumerated() { result[row, index] = self[row, column] }
    }
    return result
  }

  func map(_ transform: (Float) -> Float) -> Matrix {
    Matrix(rows: rows, columns: columns, values: values.map(transform))
  }
}
