import CKernels
import Compute
import TestSupport
import Testing

/// A float product may differ from the exact one by this much a term, terms being at most 1.
private let floatTolerance = 2e-5

/// The kernels against plain double-precision arithmetic, and every instruction set against portable C, bit by bit.
@Suite struct KernelTests {
  /// Sizes around the tiles' edges: rows of 12, 6, 3, 2; panels of 32 and 16 columns.
  static let shapes: [Shape] = [
    Shape(rows: 1, depth: 4, columns: 16), Shape(rows: 2, depth: 16, columns: 16),
    Shape(rows: 3, depth: 32, columns: 48), Shape(rows: 5, depth: 64, columns: 32),
    Shape(rows: 11, depth: 16, columns: 80), Shape(rows: 12, depth: 96, columns: 96),
    Shape(rows: 13, depth: 128, columns: 16), Shape(rows: 25, depth: 384, columns: 112),
  ]

  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let depth: Int
    let columns: Int
    var testDescription: String { "\(rows) x \(depth) x \(columns)" }
  }

  /// What the activations and weights look like.
  enum Values: String, CaseIterable, Sendable {
    case random, largestPositive, largestNegative, opposite, zeroRows, denormal
  }

  @Test(arguments: shapes, Values.allCases)
  func `int8 products are exact on every path`(_ shape: Shape, _ values: Values) throws {
    let problem = Int8Problem(shape, values)
    let expected = (0..<shape.rows * shape.columns).map {
      problem.expected($0 / shape.columns, $0 % shape.columns)
    }
    for path in KernelPath.available {
      let kernels = try #require(path.kernels)
      let product = problem.multiplied(by: kernels, CK_STORE)
      #expect(product == expected, "\(path.rawValue)")
    }
  }

  @Test(arguments: shapes)
  func `every epilogue gives the same bits on every path`(_ shape: Shape) throws {
    let problem = Int8Problem(shape, .random)
    for epilogue in [CK_STORE, CK_ADD, CK_GELU, CK_QUICK_GELU] {
      let portable = problem.multiplied(by: try #require(KernelPath.portable.kernels), epilogue)
      for path in KernelPath.available {
        let product = problem.multiplied(by: try #require(path.kernels), epilogue)
        #expect(product.map(\.bitPattern) == portable.map(\.bitPattern), "\(path.rawValue)")
      }
    }
  }

  @Test(arguments: shapes)
  func `float products have the same bits on every path and are right`(_ shape: Shape) throws {
    var generator = SeededGenerator(seed: 5)
    let a = generator.floats(shape.rows * shape.depth)
    let b = generator.floats(shape.depth * shape.columns)  // depth x columns
    let bias = generator.floats(shape.columns)
    var packed = [Float](repeating: 0, count: b.count)
    for k in 0..<shape.depth {
      for column in 0..<shape.columns {
        packed[(column / 16 * shape.depth + k) * 16 + column % 16] = b[k * shape.columns + column]
      }
    }
    func product(_ kernels: ck_kernels) -> [Float] {
      var out = [Float](repeating: .nan, count: shape.rows * shape.columns)
      kernels.multiply_float(
        a, shape.depth, shape.rows, packed, shape.depth, shape.columns, bias, &out, shape.columns)
      return out
    }
    let portable = product(try #require(KernelPath.portable.kernels))
    for path in KernelPath.available {
      #expect(product(try #require(path.kernels)).map(\.bitPattern) == portable.map(\.bitPattern), "\(path)")
    }
    var worst = 0.0
    for row in 0..<shape.rows {
      for column in 0..<shape.columns {
        let exact = (0..<shape.depth).reduce(Double(bias[column])) {
          $0 + Double(a[row * shape.depth + $1]) * Double(b[$1 * shape.columns + column])
        }
        worst = max(worst, abs(Double(portable[row * shape.columns + column]) - exact))
      }
    }
    #expect(worst < floatTolerance * Double(shape.depth))
  }

  @Test func `LayerNorm has the same bits on every path and agrees with the reference`() throws {
    var generator = SeededGenerator(seed: 6)
    let (rows, columns) = (7, 96)
    var input = generator.floats(rows * columns)
    for column in 0..<columns {
      input[columns + column] = 3.5  // no variance
      input[2 * columns + column] *= 1e6
      input[3 * columns + column] *= 1e-30
    }
    let (gain, bias) = (generator.floats(columns), generator.floats(columns))
    let reference = Matrix(rows: rows, columns: columns, values: input)
      .layerNormalised(gain: gain, bias: bias, epsilon: 1e-6)
    var first: [Float]?
    for path in KernelPath.available {
      var output = [Float](repeating: .nan, count: rows * columns)
      try #require(path.kernels).layer_norm(input, columns, rows, columns, gain, bias, 1e-6, &output, columns)
      #expect(output.map(\.bitPattern) == (first ?? output).map(\.bitPattern), "\(path)")
      first = output
      #expect(zip(output, reference.values).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }

  @Test(arguments: [1, 4, 15, 16, 17, 31, 32, 50, 100], [16, 32, 64])
  func `attention has the same bits on every path and agrees with the reference`(_ tokens: Int, _ width: Int)
    throws
  {
    let problem = AttentionProblem(tokens: tokens, width: width)
    var first: [UInt32]?
    for path in KernelPath.available {
      let (found, reference) = problem.attend(by: try #require(path.kernels))
      #expect(found.map(\.bitPattern) == first ?? found.map(\.bitPattern), "\(path.rawValue)")
      first = found.map(\.bitPattern)
      // The reference works on the quantised inputs, so what is left is the rounding of each weight times its value's
      // scale to a 254th of the largest: a few steps in the sum of all tokens.
      let worst = zip(found, reference).map { abs($0 - $1) }.max() ?? 0
      #expect(worst < 3 / 254 * problem.largestValue, "\(path.rawValue)")
    }
  }

  @Test func `quantising rounds half to even, reaches 127 and copes with rows of nothing`() throws {
    let columns = 32
    var input = [Float](repeating: 0, count: 4 * columns)
    input[0] = 127
    input[1] = 0.5
    input[2] = 1.5
    input[3] = -2.5
    input[4] = -127
    input[columns] = -3e-38  // a row too small to have a scale
    input[2 * columns] = 3e38
    input[2 * columns + 1] = -1.5e38
    for path in KernelPath.available {
      let kernels = try #require(path.kernels)
      var output = [UInt8](repeating: 1, count: 4 * columns)
      var scales = [Float](repeating: .nan, count: 4)
      kernels.quantise(input, columns, 4, columns, &output, columns, &scales)
      let signed = output.map { Int8(truncatingIfNeeded: Int32($0) - kernels.activation_offset) }
      #expect(signed[..<5] == [127, 0, 2, -2, -127], "\(path)")
      #expect(signed[columns..<2 * columns].allSatisfy { $0 == 0 })
      #expect(signed[2 * columns..<2 * columns + 2] == [127, -63] || signed[2 * columns + 1] == -64)
      #expect(scales == [1, 0, Float(3e38) / 127, 0])
    }
  }

  @Test(arguments: shapes)
  func `the largest product is found and ties go to the first column`(_ shape: Shape) throws {
    let problem = Int8Problem(shape, .random)
    for path in KernelPath.available {
      let kernels = try #require(path.kernels)
      var best = [Float](repeating: -.infinity, count: shape.rows * 16)
      var columns = [Int32](repeating: -1, count: shape.rows * 16)
      problem.withWeights(for: kernels) { a, b in
        kernels.maximise_int8(a, shape.rows, b, 100, &best, &columns)
        kernels.maximise_int8(a, shape.rows, b, 100 + Int32(shape.columns), &best, &columns)  // all ties
      }
      for slot in 0..<shape.rows * 16 {
        let candidates = stride(from: slot % 16, to: shape.columns, by: 16)
          .map { ($0, Float(problem.sum(slot / 16, $0)) * problem.weightScales[$0]) }
        let expected = candidates.reduce((-1, -Float.infinity)) { $1.1 > $0.1 ? $1 : $0 }
        #expect(best[slot] == expected.1 && columns[slot] == Int32(100 + expected.0), "\(path.rawValue)")
      }
    }
  }

  @Test func `the peak counts every product of every round`() throws {
    for path in KernelPath.available where path != .portable {
      let peak = try #require(path.kernels?.peak)
      let round = peak(1)
      #expect(round >= 12 * 16 && peak(1000) == 1000 * round && peak(0) == 0, "\(path)")
      #expect(try #require(path.peakMultiplications(on: ThreadPool(threads: 2))) > 1e6, "\(path)")
    }
  }

  @Test(arguments: [CK_GELU, CK_QUICK_GELU])
  func `activation functions stay within their stated error`(_ epilogue: ck_epilogue) throws {
    // One weight of 1, so that the bias passes through untouched.
    let inputs = stride(from: Float(-12), through: 12, by: 0.01).map { $0 }
    let columns = (inputs.count + 15) / 16 * 16
    let bias = inputs + [Float](repeating: 0, count: columns - inputs.count)
    let kernels = try #require(KernelPath.available[0].kernels)
    let activations = [UInt8](repeating: UInt8(kernels.activation_offset), count: 4)
    let weights = [Int8](repeating: 0, count: columns * 4)
    let (scales, sums) = ([Float](repeating: 1, count: columns), [Int32](repeating: 0, count: columns))
    var out = [Float](repeating: 0, count: columns)
    activations.withUnsafeBufferPointer { a in
      weights.withUnsafeBufferPointer { w in
        scales.withUnsafeBufferPointer { s in
          sums.withUnsafeBufferPointer { t in
            bias.withUnsafeBufferPointer { b in
              out.withUnsafeMutableBufferPointer { o in
                kernels.multiply_int8(
                  ck_activations(values: a.baseAddress, stride: 4, scales: s.baseAddress), 1,
                  ck_weights(
                    values: w.baseAddress, scales: s.baseAddress, sums: t.baseAddress, depth: 4,
                    columns: columns),
                  ck_output(values: o.baseAddress, stride: columns, bias: b.baseAddress, epilogue: epilogue))
              }
            }
          }
        }
      }
    }
    let matrix = Matrix(rows: 1, columns: inputs.count, values: inputs)
    let reference = epilogue == CK_GELU ? matrix.gelu() : matrix.quickGELU()
    let bound: Float = epilogue == CK_GELU ? 2e-4 : 2e-6
    #expect(zip(out, reference.values).allSatisfy { abs($0 - $1) < bound })
  }
}

/// A product of quantised activations and packed weights, and what it should be.
private struct Int8Problem {
  let shape: KernelTests.Shape
  let activations: [Int8]
  let weights: [Int8]  // columns x depth
  let rowScales: [Float]
  let weightScales: [Float]
  let bias: [Float]

  init(_ shape: KernelTests.Shape, _ values: KernelTests.Values) {
    var generator = SeededGenerator(seed: 1)
    let (count, weightCount) = (shape.rows * shape.depth, shape.depth * shape.columns)
    self.shape = shape
    switch values {
    case .random, .denormal:
      activations = (0..<count).map { _ in Int8.random(in: -127...127, using: &generator) }
      weights = (0..<weightCount).map { _ in Int8.random(in: -127...127, using: &generator) }
    case .largestPositive:
      activations = [Int8](repeating: 127, count: count)
      weights = [Int8](repeating: 127, count: weightCount)
    case .largestNegative:
      activations = [Int8](repeating: -128, count: count)
      weights = [Int8](repeating: -128, count: weightCount)
    case .opposite:
      activations = [Int8](repeating: 127, count: count)
      weights = [Int8](repeating: -128, count: weightCount)
    case .zeroRows:
      activations = (0..<count).map {
        $0 / shape.depth % 2 == 0 ? 0 : Int8.random(in: -127...127, using: &generator)
      }
      weights = (0..<weightCount).map { _ in Int8.random(in: -127...127, using: &generator) }
    }
    rowScales = generator.floats(shape.rows).map { values == .denormal ? $0 * 1e-20 * 1e-19 : abs($0) }
    weightScales = generator.floats(shape.columns).map(abs)
    bias = generator.floats(shape.columns)
  }

  func sum(_ row: Int, _ column: Int) -> Int32 {
    (0..<shape.depth).reduce(0) {
      $0 + Int32(activations[row * shape.depth + $1]) * Int32(weights[column * shape.depth + $1])
    }
  }

  func expected(_ row: Int, _ column: Int) -> Float {
    bias[column].addingProduct(Float(sum(row, column)), weightScales[column] * rowScales[row])
  }

  func withWeights(for kernels: ck_kernels, _ body: (ck_activations, ck_weights) -> Void) {
    let stored = activations.map { UInt8(truncatingIfNeeded: Int32($0) + kernels.activation_offset) }
    var packed = [Int8](repeating: 0, count: weights.count)
    for column in 0..<shape.columns {
      for k in 0..<shape.depth {
        packed[(column / 16 * (shape.depth / 4) + k / 4) * 64 + column % 16 * 4 + k % 4] =
          weights[column * shape.depth + k]
      }
    }
    let sums = (0..<shape.columns).map { column in
      weights[column * shape.depth..<(column + 1) * shape.depth].reduce(Int32(0)) { $0 + Int32($1) }
    }
    stored.withUnsafeBufferPointer { a in
      rowScales.withUnsafeBufferPointer { s in
        packed.withUnsafeBufferPointer { w in
          weightScales.withUnsafeBufferPointer { t in
            sums.withUnsafeBufferPointer { u in
              body(
                ck_activations(values: a.baseAddress, stride: shape.depth, scales: s.baseAddress),
                ck_weights(
                  values: w.baseAddress, scales: t.baseAddress, sums: u.baseAddress, depth: shape.depth,
                  columns: shape.columns))
            }
          }
        }
      }
    }
  }

  func multiplied(by kernels: ck_kernels, _ epilogue: ck_epilogue) -> [Float] {
    var out = (0..<shape.rows * shape.columns).map { Float($0) * 0.01 }
    withWeights(for: kernels) { a, b in
      bias.withUnsafeBufferPointer { bias in
        out.withUnsafeMutableBufferPointer { out in
          kernels.multiply_int8(
            a, shape.rows, b,
            ck_output(
              values: out.baseAddress, stride: shape.columns, bias: bias.baseAddress, epilogue: epilogue))
        }
      }
    }
    return out
  }
}

/// One head: random queries, keys and values, one key so near to some queries that it takes nearly all the weight, and
/// one value much larger than the others.
private struct AttentionProblem {
  let tokens: Int
  let width: Int
  let queries: [Float]  // tokens x width, as the other two
  let keys: [Float]
  let values: [Float]
  var largestValue: Float { values.map(abs).max() ?? 0 }

  init(tokens: Int, width: Int) {
    var generator = SeededGenerator(seed: 8)
    self.tokens = tokens
    self.width = width
    queries = generator.floats(tokens * width).map { $0 * 3 }
    var keys = generator.floats(tokens * width)
    var values = generator.floats(tokens * width)
    for channel in 0..<width {
      keys[tokens / 2 * width + channel] = queries[channel] * 4
      values[tokens / 3 * width + channel] *= 20
    }
    (self.keys, self.values) = (keys, values)
  }

  /// The kernel's result, and that of the plain operations on the quantised inputs multiplied out.
  func attend(by kernels: ck_kernels) -> (found: [Float], reference: [Float]) {
    let padded = (tokens + 15) / 16 * 16
    let scale = 1 / Float(width).squareRoot()
    func quantised(_ values: [Float]) -> (bytes: [UInt8], scales: [Float], floats: Matrix) {
      var bytes = [UInt8](repeating: 0, count: tokens * width)
      var scales = [Float](repeating: 0, count: padded)
      kernels.quantise(values, width, tokens, width, &bytes, width, &scales)
      let floats = bytes.enumerated().map { Float(Int32($1) - kernels.offset(of: $1)) * scales[$0 / width] }
      return (bytes, scales, Matrix(rows: tokens, columns: width, values: floats))
    }
    let (query, key, value) = (quantised(queries), quantised(keys), quantised(values))
    var packedKeys = [Int8](repeating: 0, count: padded * width)
    var packedValues = packedKeys
    var keySums = [Int32](repeating: 0, count: padded)
    kernels.pack_keys(key.bytes, tokens, width, 0, &packedKeys, &keySums)
    kernels.pack_values(value.bytes, tokens, width, 0, tokens, &packedValues)
    var out = [Float](repeating: .nan, count: tokens * width)
    let scratch = AlignedBuffer<UInt8>(count: ck_attention_scratch(tokens, width))
    query.bytes.withUnsafeBufferPointer { q in
      query.scales.withUnsafeBufferPointer { qs in
        packedKeys.withUnsafeBufferPointer { k in
          key.scales.withUnsafeBufferPointer { ks in
            keySums.withUnsafeBufferPointer { sums in
              packedValues.withUnsafeBufferPointer { v in
                value.scales.withUnsafeBufferPointer { vs in
                  kernels.attend(
                    ck_activations(values: q.baseAddress, stride: width, scales: qs.baseAddress), tokens,
                    ck_head(
                      tokens: tokens, width: width, keys: k.baseAddress, key_scales: ks.baseAddress,
                      key_sums: sums.baseAddress, values: v.baseAddress, value_scales: vs.baseAddress,
                      score_scale: scale), scratch.base, &out, width)
                }
              }
            }
          }
        }
      }
    }
    var scores = query.floats.multiplied(byTransposeOf: key.floats)
    for index in scores.values.indices { scores.values[index] *= scale }
    return (out, scores.softmax().multiplied(by: value.floats).values)
  }
}

extension ck_kernels {
  /// What to take from a stored byte, read as unsigned, to have the signed activation.
  fileprivate func offset(of byte: UInt8) -> Int32 {
    activation_offset == 0 && byte > 127 ? 256 : activation_offset
  }
}

extension SeededGenerator {
  mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &self) }
  }
}
