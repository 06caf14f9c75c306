extension Matrix {
  /// Some neighbouring rows, copied.
  package func rows(_ range: Range<Int>) -> Matrix {
    Matrix(
      rows: range.count, columns: columns,
      values: Array(values[range.lowerBound * columns..<range.upperBound * columns]))
  }

  /// Some rows in the order given, copied.
  package func rows(_ indices: [Int]) -> Matrix {
    var gathered: [Float] = []
    gathered.reserveCapacity(indices.count * columns)
    for index in indices { gathered += row(index) }
    return Matrix(rows: indices.count, columns: columns, values: gathered)
  }

  /// Every row divided by its Euclidean norm; a row of zeros stays one.
  package func l2Normalised() -> Matrix {
    var result = self
    for row in 0..<rows {
      let range = row * columns..<(row + 1) * columns
      var sum: Float = 0
      for index in range { sum += values[index] * values[index] }
      guard sum > 0 else { continue }
      let scale = 1 / sum.squareRoot()
      for index in range { result.values[index] = values[index] * scale }
    }
    return result
  }
}
