import CKernels
import Compute

extension Picture {
  /// The pixels resampled along both axes.
  ///
  /// A range of new rows first brings all rows it needs to their new width. Where two ranges meet they need the same
  /// rows, and both do that.
  func resampled(
    _ horizontal: ResamplingCoefficients, _ vertical: ResamplingCoefficients, _ kernels: ck_kernels,
    _ pool: ThreadPool
  ) -> [UInt8] {
    let bytes = width * 3
    let newBytes = horizontal.starts.count * 3
    let newRows = vertical.starts.count
    return [UInt8](unsafeUninitializedCapacity: newRows * newBytes) { output, initializedCount in
      pixels.withUnsafeBufferPointer { input in
        // Every row of `output` is written by one thread.
        nonisolated(unsafe) let kernels = kernels
        nonisolated(unsafe) let input = input.baseAddress!
        nonisolated(unsafe) let output = output.baseAddress!
        pool.share(newRows, inRangesOf: (newRows + 7) / 8) { range in
          let first = Int(vertical.starts[range.lowerBound])
          let last = range.upperBound - 1
          let rows = first..<Int(vertical.starts[last]) + vertical.counts[last]
          withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rows.count * newBytes) { narrow in
            // The kernel reads a position's unused taps too, which may lie behind the row.
            let padded = bytes + horizontal.taps * 3 + 4
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: padded) { line in
              line.initialize(repeating: 0)
              for row in rows {
                line.baseAddress!.update(from: input + row * bytes, count: bytes)
                kernels.resample_row(
                  line.baseAddress!, horizontal.starts, horizontal.weights, horizontal.taps,
                  horizontal.starts.count, narrow.baseAddress! + (row - first) * newBytes)
              }
            }
            vertical.weights.withUnsafeBufferPointer { weights in
              for row in range {
                kernels.resample_column(
                  narrow.baseAddress! + (Int(vertical.starts[row]) - first) * newBytes, newBytes,
                  weights.baseAddress! + row * vertical.taps, vertical.counts[row], newBytes,
                  output + row * newBytes)
              }
            }
          }
        }
      }
      initializedCount = newRows * newBytes
    }
  }
}
