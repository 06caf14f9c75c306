import Foundation

extension Picture {
  /// The picture turned counter-clockwise about its centre on a canvas of the same size.
  ///
  /// Cubic convolution over 4 x 4 pixels with a = -0.75 (PyTorch's and OpenCV's bicubic), computed in double
  /// precision and rounded once; what lies outside is the mirror image of what lies inside, edge pixels repeated,
  /// so that no border appears that no part has. Multiples of 180 degrees, and of 90 where both sides are even or
  /// both odd, only move pixels and are exact.
  ///
  /// - Precondition: the angle is finite.
  public func rotated(degrees: Double) -> Picture {
    precondition(degrees.isFinite, "A picture cannot be rotated by \(degrees) degrees.")
    let (sine, cosine) = Self.sineAndCosine(degrees: degrees)
    if sine == 0, cosine == 1 { return self }
    let centreX = Double(width - 1) / 2
    let centreY = Double(height - 1) / 2
    let count = pixels.count
    let turned = [UInt8](unsafeUninitializedCapacity: count) { output, initializedCount in
      pixels.withUnsafeBufferPointer { input in
        for y in 0..<height {
          for x in 0..<width {
            let dx = Double(x) - centreX
            let dy = Double(y) - centreY
            // Image rows run downwards, so turning the content counter-clockwise looks up clockwise.
            let sourceX = centreX + cosine * dx - sine * dy
            let sourceY = centreY + sine * dx + cosine * dy
            let sample = cubicSample(input, x: sourceX, y: sourceY)
            for channel in 0..<3 {
              output[(y * width + x) * 3 + channel] = UInt8(
                max(0, min(255, (sample[channel] + 0.5).rounded(.down))))
            }
          }
        }
      }
      initializedCount = count
    }
    return Picture(width: width, height: height, pixels: turned)
  }

  /// Red, green and blue at a point between pixel centres, the fourth number without meaning.
  @inline(__always)
  private func cubicSample(_ input: UnsafeBufferPointer<UInt8>, x: Double, y: Double) -> SIMD4<Double> {
    let left = x.rounded(.down)
    let top = y.rounded(.down)
    let horizontal = Self.cubicWeights(x - left)
    let vertical = Self.cubicWeights(y - top)
    var columns = SIMD4<Int>()
    for i in 0..<4 { columns[i] = reflected(Int(left) - 1 + i, count: width) * 3 }
    var sum = SIMD4<Double>()
    for j in 0..<4 {
      let row = reflected(Int(top) - 1 + j, count: height) * width * 3
      var rowSum = SIMD4<Double>()
      for i in 0..<4 {
        let at = row + columns[i]
        rowSum += horizontal[i] * SIMD4(Double(input[at]), Double(input[at + 1]), Double(input[at + 2]), 0)
      }
      sum += vertical[j] * rowSum
    }
    return sum
  }

  /// Keys' cubic with a = -0.75 at the distances `t + 1`, `t`, `1 - t` and `2 - t`, for `t` in 0..<1.
  @inline(__always)
  private static func cubicWeights(_ t: Double) -> SIMD4<Double> {
    let a = -0.75
    func near(_ d: Double) -> Double { ((a + 2) * d - (a + 3)) * d * d + 1 }
    func far(_ d: Double) -> Double { ((a * d - 5 * a) * d + 8 * a) * d - 4 * a }
    return SIMD4(far(1 + t), near(t), near(1 - t), far(2 - t))
  }

  /// Quarter turns are exact, which `sin` and `cos` of a multiple of an inexact pi are not.
  private static func sineAndCosine(degrees: Double) -> (sine: Double, cosine: Double) {
    switch degrees.remainder(dividingBy: 360) {
    case 0: return (0, 1)
    case 90: return (1, 0)
    case -90: return (-1, 0)
    case 180, -180: return (0, -1)
    case let turn: return (sin(turn * .pi / 180), cos(turn * .pi / 180))
    }
  }
}
