internal import Foundation

/// Brings a learned position grid to another size, as the released systems do; they differ visibly, so the model file
/// names which (see `ImageTowerConfiguration.PositionInterpolation`).
struct PositionGrid {
  let rows: Int
  let columns: Int
  let width: Int
  /// `rows * columns * width`, row-major.
  let values: [Float]

  /// The grid at another size, `rows * columns * width` numbers.
  func resized(
    rows newRows: Int, columns newColumns: Int, by method: ImageTowerConfiguration.PositionInterpolation
  ) -> [Float] {
    guard newRows != rows || newColumns != columns else { return values }
    let vertical = Self.taps(from: rows, to: newRows, by: method)
    let horizontal = Self.taps(from: columns, to: newColumns, by: method)
    var result = [Float](repeating: 0, count: newRows * newColumns * width)
    for row in 0..<newRows {
      for column in 0..<newColumns {
        let target = (row * newColumns + column) * width
        for (sourceRow, rowWeight) in vertical[row] {
          for (sourceColumn, columnWeight) in horizontal[column] {
            let weight = Float(rowWeight * columnWeight)
            let source = (sourceRow * columns + sourceColumn) * width
            for channel in 0..<width { result[target + channel] += weight * values[source + channel] }
          }
        }
      }
    }
    return result
  }

  /// For each output index the source indices that it is a weighted sum of.
  private static func taps(
    from size: Int, to newSize: Int, by method: ImageTowerConfiguration.PositionInterpolation
  ) -> [[(index: Int, weight: Double)]] {
    let scale = Double(size) / Double(newSize)
    return (0..<newSize).map { output in
      switch method {
      case .bicubic:
        let centre = (Double(output) + 0.5) * scale - 0.5
        let base = Int(floor(centre))
        return (base - 1...base + 2).map { source in
          (min(max(source, 0), size - 1), cubic(centre - Double(source), a: -0.75))
        }
      case .bicubicAntialiased:
        let stretch = max(scale, 1)
        let centre = (Double(output) + 0.5) * scale
        let low = max(0, Int(centre - 2 * stretch + 0.5))
        let high = min(size, Int(centre + 2 * stretch + 0.5))
        let weights = (low..<high).map { cubic((Double($0) + 0.5 - centre) / stretch, a: -0.5) }
        let sum = weights.reduce(0, +)
        return zip(low..<high, weights).map { ($0, $1 / sum) }
      case .bilinear:
        let centre = max((Double(output) + 0.5) * scale - 0.5, 0)
        let base = min(Int(centre), size - 1)
        let fraction = centre - Double(base)
        return [(base, 1 - fraction), (min(base + 1, size - 1), fraction)]
      }
    }
  }

  /// Keys' cubic convolution kernel.
  private static func cubic(_ x: Double, a: Double) -> Double {
    let x = abs(x)
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return a * (((x - 5) * x + 8) * x - 4) }
    return 0
  }
}
