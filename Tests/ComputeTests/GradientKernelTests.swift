import CKernels
import Compute
import Foundation
import TestSupport
import Testing

/// The float kernels of a transformer block's gradients against double precision, on every instruction set.
@Suite struct GradientKernelTests {
  private static func numbers(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in scale * Float.random(in: -1...1, using: &random) }
  }

  private static func kernels() throws -> [ck_kernels] {
    try KernelPath.available.map { try #require($0.kernels) }
  }

  /// From where the exponential is held to where the slope is 1, and finely around 0.
  private static let inputs = (-1600..<1600).map { Float($0) / 16 } + (-800..<800).map { Float($0) / 200 }

  @Test func `activations and their slopes are right everywhere`() throws {
    for kernels in try Self.kernels() {
      for function in [CK_GELU, CK_QUICK_GELU] {
        var values = Self.inputs
        var slopes = [Float](repeating: 2, count: values.count)
        kernels.activate(Self.inputs, 16, values.count / 16, 16, function, &values, 16)
        kernels.activate_gradient(Self.inputs, 16, values.count / 16, 16, function, &slopes, 16)
        for (index, x) in Self.inputs.map(Double.init).enumerated() {
          let (value, slope): (Double, Double)
          if function == CK_GELU {
            let normal = 0.5 * erfc(-x / 2.0.squareRoot())
            (value, slope) = (x * normal, normal + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
          } else {
            let s = 1 / (1 + exp(-1.702 * x))
            (value, slope) = (x * s, s * (1 + 1.702 * x * (1 - s)))
          }
          #expect(abs(Double(values[index]) - value) < 2e-6 * max(1, abs(x)), "\(x)")
          #expect(abs(Double(slopes[index]) - 2 * slope) < 4e-6, "\(x)")
        }
      }
    }
  }

  @Test func `LayerNorm's gradient is that of finite differences in double precision`() throws {
    let (rows, columns, epsilon) = (3, 48, 1e-5)
    let (x, gain) = (Self.numbers(rows * columns, seed: 1, scale: 3), Self.numbers(columns, seed: 2))
    let upstream = Self.numbers(rows * columns, seed: 3)
    func value(_ row: Int, _ moved: Int, by step: Double) -> Double {
      let values = (0..<columns).map { Double(x[row * columns + $0]) + ($0 == moved ? step : 0) }
      let mean = values.reduce(0, +) / Double(columns)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
      return (0..<columns).reduce(0) {
        $0 + (values[$1] - mean) / (variance + epsilon).squareRoot() * Double(gain[$1])
          * Double(upstream[row * columns + $1])
      }
    }
    for kernels in try Self.kernels() {
      var gradient = [Float](repeating: 1, count: rows * columns)
      kernels.layer_norm_gradient(
        x, columns, rows, columns, gain, Float(epsilon), upstream, columns, &gradient, columns)
      for index in gradient.indices {
        let (row, column) = (index / columns, index % columns)
        let slope = (value(row, column, by: 1e-4) - value(row, column, by: -1e-4)) / 2e-4
        #expect(abs(Double(gradient[index]) - 1 - slope) < 1e-5)
      }
    }
  }

  /// Three rows in a line and two that branch off the second; paths need not be in order of rows.
  private static let paths: [Int32] = [0, 0, 1, 0, 1, 2, 0, 1, 3, 0, 1, 3, 4]
  private static let starts: [Int32] = [0, 1, 3, 6, 9, 13]

  @Test func `attention along paths and its gradient are those of the formulas in double precision`() throws {
    let (rows, width, scale) = (5, 32, 0.3)
    let qkv = Self.numbers(rows * 3 * width, seed: 4, scale: 2)
    let upstream = Self.numbers(rows * width, seed: 5)
    func output(_ qkv: [Double]) -> [Double] {
      (0..<rows).flatMap { row -> [Double] in
        let path = Self.paths[Int(Self.starts[row])..<Int(Self.starts[row + 1])].map { Int($0) }
        let scores = path.map { key in
          exp(
            scale
              * (0..<width).reduce(0) {
                $0 + qkv[row * 3 * width + $1] * qkv[key * 3 * width + width + $1]
              })
        }
        let sum = scores.reduce(0, +)
        return (0..<width).map { channel in
          zip(path, scores).reduce(0) { $0 + $1.1 / sum * qkv[$1.0 * 3 * width + 2 * width + channel] }
        }
      }
    }
    let wanted = output(qkv.map(Double.init))
    for kernels in try Self.kernels() {
      var scratch = [Float](repeating: 0, count: ck_paths_scratch(4))
      var found = [Float](repeating: 0, count: rows * width)
      var gradient = [Float](repeating: 0, count: qkv.count)
      qkv.withUnsafeBufferPointer { values in
        Self.paths.withUnsafeBufferPointer { paths in
          Self.starts.withUnsafeBufferPointer { starts in
            guard let base = values.baseAddress else { return }
            let head = ck_paths(
              queries: base, keys: base + width, values: base + 2 * width, stride: 3 * width, width: width,
              paths: paths.baseAddress, starts: starts.baseAddress, score_scale: Float(scale))
            kernels.attend_paths(head, 0, rows, &scratch, &found, width)
            gradient.withUnsafeMutableBufferPointer { gradient in
              guard let base = gradient.baseAddress else { return }
              kernels.attend_paths_gradient(
                head, 0, rows, upstream, width, &scratch,
                ck_paths_gradient(
                  queries: base, keys: base + width, values: base + 2 * width, stride: 3 * width))
            }
          }
        }
      }
      for (found, wanted) in zip(found, wanted) { #expect(abs(Double(found) - wanted) < 2e-6) }
      for index in stride(from: 0, to: qkv.count, by: 7) {
        func moved(_ step: Double) -> Double {
          var values = qkv.map(Double.init)
          values[index] += step
          return zip(output(values), upstream).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4
        #expect(abs(Double(gradient[index]) - slope) < 1e-5, "element \(index)")
      }
    }
  }
}
