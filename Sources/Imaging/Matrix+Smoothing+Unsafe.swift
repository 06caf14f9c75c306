import CKernels
import Compute

extension Matrix {
  /// Each row by itself: along the columns, from its neighbours into a line, then along the line.
  ///
  /// - Parameter weights: for the distances 0, 1, ... on both sides.
  func smoothed(weights: [Double], _ kernels: ck_kernels, _ pool: ThreadPool) -> [Float] {
    let (rows, columns) = (rows, columns)
    return [Float](unsafeUninitializedCapacity: values.count) { output, initializedCount in
      values.withUnsafeBufferPointer { input in
        // Every row of `output` is written by one thread.
        nonisolated(unsafe) let kernels = kernels
        nonisolated(unsafe) let input = input.baseAddress!
        nonisolated(unsafe) let output = output.baseAddress!
        pool.share(rows, inRangesOf: 8) { range in
          let radius = weights.count - 1
          let taps = 2 * radius + 1
          withUnsafeTemporaryAllocation(of: Float.self, capacity: columns + 2 * radius) { line in
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: 2 * taps) { pointers in
              guard let line = line.baseAddress, let above = pointers.baseAddress else { return }
              let middle = line + radius
              let beside = above + taps
              for offset in 0..<taps { (beside + offset).initialize(to: line + offset) }
              for row in range {
                for offset in 0..<taps {
                  let other = reflected(row - radius + offset, count: rows)
                  (above + offset).initialize(to: input + other * columns)
                }
                kernels.smooth(above, weights, radius, columns, middle)
                for x in 1...radius {
                  (middle - x).initialize(to: middle[reflected(-x, count: columns)])
                  let end = columns - 1 + x
                  (middle + end).initialize(to: middle[reflected(end, count: columns)])
                }
                kernels.smooth(beside, weights, radius, columns, output + row * columns)
              }
            }
          }
        }
      }
      initializedCount = values.count
    }
  }
}
