internal import CKernels
internal import Compute

/// The patch embedding in integers, straight from 8-bit pixels.
///
/// Normalisation, `(pixel / 255 - mean) / deviation`, is folded into weights and bias. A weight is an integer of two
/// digits to the base 255, each an int8, times one scale an output: 15 bits and a sign, where float32 has 24 bits, but
/// pixels lose nothing. Two int8 products cost half of a float32 one.
struct PatchEmbedding: @unchecked Sendable {
  /// Bytes of a patch: channels of pixels in the order (row, column, channel), as pictures have them, then zeros up to a
  /// multiple of 4.
  let depth: Int
  private let outputs: Int
  private let high: Digit
  private let low: Digit
  private let bias: AlignedBuffer<Float>
  private let noBias: AlignedBuffer<Float>

  private struct Digit {
    let weights: AlignedBuffer<Int8>
    let scales: AlignedBuffer<Float>
    let sums: AlignedBuffer<Int32>

    init(depth: Int, outputs: Int) {
      weights = AlignedBuffer(count: depth * outputs)
      scales = AlignedBuffer(count: outputs)
      sums = AlignedBuffer(count: outputs)
    }

    func set(_ digit: Int, output: Int, input: Int, depth: Int) {
      weights.base[((output / 16 * depth / 4) + input / 4) * 64 + output % 16 * 4 + input % 4] = Int8(digit)
      sums.base[output] += Int32(digit)
    }

    func kernelWeights(depth: Int, outputs: Int) -> ck_weights {
      ck_weights(values: weights.base, scales: scales.base, sums: sums.base, depth: depth, columns: outputs)
    }
  }

  private static let base = 255
  private static let largest = 127 * base + 127

  init(model: ModelFile) {
    let configuration = model.configuration
    let inputs = 3 * configuration.patchSize * configuration.patchSize
    depth = (inputs + 3) / 4 * 4
    outputs = configuration.width
    high = Digit(depth: depth, outputs: outputs)
    low = Digit(depth: depth, outputs: outputs)
    bias = AlignedBuffer(count: outputs)
    noBias = AlignedBuffer(count: outputs)
    let raw = model.float("image.patch.weight")
    let rawBias = model.float("image.patch.bias")
    for output in 0..<outputs {
      var constant = Double(rawBias[output])
      let weights = (0..<inputs).map { input in
        let channel = input * 3 / inputs
        let weight = Double(raw[output * inputs + input]) / Double(configuration.standardDeviation[channel])
        constant -= weight * Double(configuration.mean[channel])
        return weight / 255
      }
      let absmax = weights.reduce(0) { max($0, abs($1)) }
      let scale = absmax > 0 ? absmax / Double(Self.largest) : 1
      var sum = 0
      for (input, weight) in weights.enumerated() {
        let whole = Int((weight / scale).rounded())
        let upper = Int((Double(whole) / Double(Self.base)).rounded())
        let interleaved = input % (inputs / 3) * 3 + input * 3 / inputs
        high.set(upper, output: output, input: interleaved, depth: depth)
        low.set(whole - upper * Self.base, output: output, input: interleaved, depth: depth)
        sum += whole
      }
      high.scales.base[output] = Float(scale * Double(Self.base))
      low.scales.base[output] = Float(scale)
      // Kernels take signed bytes: a pixel less 128.
      bias.base[output] = Float(constant + 128 * scale * Double(sum))
    }
  }

  /// A row of a picture's bytes as the kernels want them.
  func convert(
    _ source: UnsafePointer<UInt8>, count: Int, to target: UnsafeMutablePointer<UInt8>, _ kernels: ck_kernels
  ) {
    // Where signed bytes are stored with 128 added, they are the pixels themselves.
    if kernels.activation_offset == 128 { return target.update(from: source, count: count) }
    for index in 0..<count { target[index] = source[index] ^ 0x80 }
  }

  /// - Parameters:
  ///   - patches: `rows x depth` bytes from `convert`.
  ///   - ones: `rows` numbers, all 1.
  ///   - tokens: `rows x outputs`, overwritten.
  func embed(
    _ patches: UnsafePointer<UInt8>, ones: UnsafePointer<Float>, rows: Int,
    into tokens: UnsafeMutablePointer<Float>, _ kernels: ck_kernels
  ) {
    let activations = ck_activations(values: patches, stride: depth, scales: ones)
    kernels.multiply_int8(
      activations, rows, high.kernelWeights(depth: depth, outputs: outputs),
      ck_output(values: tokens, stride: outputs, bias: bias.base, epilogue: CK_STORE))
    kernels.multiply_int8(
      activations, rows, low.kernelWeights(depth: depth, outputs: outputs),
      ck_output(values: tokens, stride: outputs, bias: noBias.base, epilogue: CK_ADD))
  }
}
