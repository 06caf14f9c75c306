import Compute

extension Matrix {
  /// - Parameter weights: for the distances 0, 1, ... on both sides.
  func smoothedAlongColumns(_ values: [Float], _ weights: [Double]) -> [Float] {
    let columns = columns
    return [Float](unsafeUninitializedCapacity: values.count) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: columns) { sums in
        values.withUnsafeBufferPointer { input in
          guard let input = input.baseAddress, let sums = sums.baseAddress, let output = output.baseAddress
          else { return }
          for row in 0..<rows {
            let centre = input + row * columns
            for x in 0..<columns { (sums + x).initialize(to: weights[0] * Double(centre[x])) }
            for distance in (1..<weights.count).reversed() {
              let above = input + reflected(row - distance, count: rows) * columns
              let below = input + reflected(row + distance, count: rows) * columns
              let weight = weights[distance]
              for x in 0..<columns { sums[x] += (Double(above[x]) + Double(below[x])) * weight }
            }
            for x in 0..<columns { output[row * columns + x] = Float(sums[x]) }
          }
        }
      }
      initializedCount = values.count
    }
  }

  /// - Parameter weights: for the distances 0, 1, ... on both sides.
  func smoothedAlongRows(_ values: [Float], _ weights: [Double]) -> [Float] {
    let columns = columns
    let radius = weights.count - 1
    return [Float](unsafeUninitializedCapacity: values.count) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * columns + 2 * radius) { scratch in
        values.withUnsafeBufferPointer { input in
          guard let input = input.baseAddress, let sums = scratch.baseAddress, let output = output.baseAddress
          else { return }
          let line = sums + columns + radius
          for row in 0..<rows {
            for x in -radius..<columns + radius {
              (line + x).initialize(to: Double(input[row * columns + reflected(x, count: columns)]))
            }
            for x in 0..<columns { (sums + x).initialize(to: weights[0] * line[x]) }
            for distance in (1...radius).reversed() {
              let weight = weights[distance]
              for x in 0..<columns { sums[x] += (line[x - distance] + line[x + distance]) * weight }
            }
            for x in 0..<columns { output[row * columns + x] = Float(sums[x]) }
          }
        }
      }
      initializedCount = values.count
    }
  }
}
