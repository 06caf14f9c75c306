import Compute

extension Matrix {
  /// Rows are stretched first; each output row then mixes two of them, and neighbours share that work.
  func interpolated(vertical: [Interpolation], horizontal: [Interpolation]) -> [Float] {
    let width = horizontal.count
    let count = vertical.count * width
    return [Float](unsafeUninitializedCapacity: count) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * width) { wide in
        values.withUnsafeBufferPointer { input in
          horizontal.withUnsafeBufferPointer { horizontal in
            for row in 0..<rows {
              for (x, between) in horizontal.enumerated() {
                let first = input[row * columns + between.first]
                let second = input[row * columns + between.second]
                wide.initializeElement(at: row * width + x, to: first + between.fraction * (second - first))
              }
            }
          }
        }
        guard let wide = wide.baseAddress, let output = output.baseAddress else { return }
        for (y, between) in vertical.enumerated() {
          let first = wide + between.first * width
          let second = wide + between.second * width
          let target = output + y * width
          for x in 0..<width { target[x] = first[x] + between.fraction * (second[x] - first[x]) }
        }
      }
      initializedCount = count
    }
  }
}
