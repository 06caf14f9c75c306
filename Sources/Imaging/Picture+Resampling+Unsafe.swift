import CKernels

extension Picture {
  /// Every row of RGB pixels at another width.
  ///
  /// - Parameter pixels: rows of `columns` pixels.
  static func resampledRows(
    _ pixels: [UInt8], columns: Int, _ coefficients: ResamplingCoefficients, _ kernels: ck_kernels
  ) -> [UInt8] {
    let bytes = columns * 3
    let rows = pixels.count / bytes
    let newBytes = coefficients.starts.count * 3
    // The kernel reads a position's unused taps too, which may lie behind the row.
    let scratch = bytes + coefficients.taps * 3 + 4
    return [UInt8](unsafeUninitializedCapacity: rows * newBytes) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: scratch) { line in
        line.initialize(repeating: 0)
        pixels.withUnsafeBufferPointer { input in
          guard let input = input.baseAddress, let line = line.baseAddress, let output = output.baseAddress
          else { return }
          for row in 0..<rows {
            line.update(from: input + row * bytes, count: bytes)
            kernels.resample_row(
              line, coefficients.starts, coefficients.weights, coefficients.taps, coefficients.starts.count,
              output + row * newBytes)
          }
        }
      }
      initializedCount = rows * newBytes
    }
  }

  /// Rows of RGB pixels in another number of rows.
  ///
  /// - Parameter pixels: rows of `columns` pixels.
  static func resampledColumns(
    _ pixels: [UInt8], columns: Int, _ coefficients: ResamplingCoefficients, _ kernels: ck_kernels
  ) -> [UInt8] {
    let bytes = columns * 3
    let rows = coefficients.starts.count
    return [UInt8](unsafeUninitializedCapacity: rows * bytes) { output, initializedCount in
      pixels.withUnsafeBufferPointer { input in
        coefficients.weights.withUnsafeBufferPointer { weights in
          guard let input = input.baseAddress, let weights = weights.baseAddress,
            let output = output.baseAddress
          else { return }
          for row in 0..<rows {
            kernels.resample_column(
              input + Int(coefficients.starts[row]) * bytes, bytes, weights + row * coefficients.taps,
              coefficients.counts[row], bytes, output + row * bytes)
          }
        }
      }
      initializedCount = rows * bytes
    }
  }
}
