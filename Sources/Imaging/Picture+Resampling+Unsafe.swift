extension Picture {
  /// Resamples the rows of an RGB picture and returns it with rows and columns exchanged; doing it twice resamples
  /// both axes with one and the same loop over neighbouring memory.
  ///
  /// Two rows are computed at a time, as the halves of one 64-bit integer: `upper * 2^32 + lower` times a weight is
  /// both products at once, and since no sum leaves the range of an Int32, both can be read off the result exactly.
  static func resampledAndTransposed(
    _ pixels: [UInt8], rows: Int, columns: Int, _ coefficients: ResamplingCoefficients
  ) -> [UInt8] {
    let newColumns = coefficients.taps.count
    let count = newColumns * rows * 3
    return [UInt8](unsafeUninitializedCapacity: count) { output, initializedCount in
      withUnsafeTemporaryAllocation(of: Int64.self, capacity: columns * 3) { pair in
        pixels.withUnsafeBufferPointer { input in
          coefficients.weights.withUnsafeBufferPointer { weights in
            guard let input = input.baseAddress, let weights = weights.baseAddress,
              let pair = pair.baseAddress,
              let output = output.baseAddress
            else { return }
            for row in stride(from: 0, to: rows, by: 2) {
              let lower = input + row * columns * 3
              // An odd last row is its own partner and is then written once.
              let upper = row + 1 < rows ? lower + columns * 3 : lower
              for i in 0..<columns * 3 {
                (pair + i).initialize(to: Int64(upper[i]) << 32 | Int64(lower[i]))
              }
              for (column, taps) in coefficients.taps.enumerated() {
                var source = UnsafePointer(pair) + taps.start * 3
                // Half of 2^22 in both halves: rounding to nearest.
                let half = Int64(1) << 53 | Int64(1) << 21
                var red = half
                var green = half
                var blue = half
                for weight in UnsafeBufferPointer(start: weights + taps.offset, count: taps.count) {
                  red &+= weight &* source[0]
                  green &+= weight &* source[1]
                  blue &+= weight &* source[2]
                  source += 3
                }
                let target = output + (column * rows + row) * 3
                target[0] = clamped(Int32(truncatingIfNeeded: red))
                target[1] = clamped(Int32(truncatingIfNeeded: green))
                target[2] = clamped(Int32(truncatingIfNeeded: blue))
                if row + 1 < rows {
                  target[3] = clamped(upperHalf(red))
                  target[4] = clamped(upperHalf(green))
                  target[5] = clamped(upperHalf(blue))
                }
              }
            }
          }
        }
      }
      initializedCount = count
    }
  }

  /// The upper sum of two: what is left when the lower one, which may be negative, is taken away.
  @inline(__always)
  private static func upperHalf(_ sums: Int64) -> Int32 {
    Int32(truncatingIfNeeded: (sums &- Int64(Int32(truncatingIfNeeded: sums))) >> 32)
  }

  @inline(__always)
  private static func clamped(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: max(0, min(255, sum >> Int32(ResamplingCoefficients.fractionalBits))))
  }
}
