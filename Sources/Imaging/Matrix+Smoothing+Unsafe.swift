import CKernels
import Compute

extension Matrix {
  /// - Parameter weights: for the distances 0, 1, ... on both sides.
  func smoothedAlongColumns(_ values: [Float], _ weights: [Double], _ kernels: ck_kernels) -> [Float] {
    let columns = columns
    let radius = weights.count - 1
    return [Float](unsafeUninitializedCapacity: values.count) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: 2 * radius + 1) { around in
        values.withUnsafeBufferPointer { input in
          guard let input = input.baseAddress, let output = output.baseAddress else { return }
          for row in 0..<rows {
            for offset in 0...2 * radius {
              let other = reflected(row - radius + offset, count: rows)
              around.initializeElement(at: offset, to: input + other * columns)
            }
            kernels.smooth(around.baseAddress, weights, radius, columns, output + row * columns)
          }
        }
      }
      initializedCount = values.count
    }
  }

  /// - Parameter weights: for the distances 0, 1, ... on both sides.
  func smoothedAlongRows(_ values: [Float], _ weights: [Double], _ kernels: ck_kernels) -> [Float] {
    let columns = columns
    let radius = weights.count - 1
    return [Float](unsafeUninitializedCapacity: values.count) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns + 2 * radius) { line in
        withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: 2 * radius + 1) { around in
          values.withUnsafeBufferPointer { input in
            guard let input = input.baseAddress, let line = line.baseAddress, let output = output.baseAddress
            else { return }
            for offset in 0...2 * radius { around.initializeElement(at: offset, to: line + offset) }
            for row in 0..<rows {
              for x in 0..<columns + 2 * radius {
                (line + x).initialize(to: input[row * columns + reflected(x - radius, count: columns)])
              }
              kernels.smooth(around.baseAddress, weights, radius, columns, output + row * columns)
            }
          }
        }
      }
      initializedCount = values.count
    }
  }
}
