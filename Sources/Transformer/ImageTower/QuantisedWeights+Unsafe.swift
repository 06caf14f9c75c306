internal import CKernels
internal import Compute

/// The weights of the int8 tower as the kernels take them: pointers into the mapped model file, and what is derived
/// from it once, at load.
///
/// The pointers are valid while `model` lives, which this value sees to.
struct QuantisedWeights: @unchecked Sendable {
  struct Norm {
    let gain: UnsafePointer<Float>
    let bias: UnsafePointer<Float>
  }

  struct Linear {
    let weights: ck_weights
    let bias: UnsafePointer<Float>
    /// The sum of each output channel's weights: it undoes the offset of unsigned activations.
    let sums: AlignedBuffer<Int32>
    var inputs: Int { weights.depth }
    var outputs: Int { weights.columns }
  }

  struct Block {
    let norm1: Norm
    let qkv: Linear
    let attentionOut: Linear
    let norm2: Norm
    let mlpIn: Linear
    let mlpOut: Linear
  }

  private let model: ModelFile
  let patch: PatchEmbedding
  let classToken: UnsafePointer<Float>
  let preNorm: Norm?
  let blocks: [Block]
  let norm: Norm
  /// To the joint embedding: panels of 16 outputs, `[panel][input][16]`; nil where the model has none.
  let projection: AlignedBuffer<Float>?

  init(model: ModelFile) {
    let configuration = model.configuration
    let width = configuration.width
    self.model = model
    patch = PatchEmbedding(model: model)
    classToken = Self.pointer("image.class", in: model)
    preNorm = configuration.hasPreNorm ? Self.norm("image.pre_norm", in: model) : nil
    norm = Self.norm("image.norm", in: model)
    projection = configuration.embeddingWidth.map { outputs in
      let raw = model.float("image.projection")  // outputs x width
      let panels = AlignedBuffer<Float>(count: outputs * width)
      for output in 0..<outputs {
        for input in 0..<width {
          panels.base[(output / 16 * width + input) * 16 + output % 16] = raw[output * width + input]
        }
      }
      return panels
    }
    blocks = (0..<configuration.depth).map { index in
      let name = "image.blocks.\(index)"
      return Block(
        norm1: Self.norm("\(name).norm1", in: model),
        qkv: Self.linear("\(name).attention.qkv", inputs: width, outputs: 3 * width, in: model),
        attentionOut: Self.linear("\(name).attention.out", inputs: width, outputs: width, in: model),
        norm2: Self.norm("\(name).norm2", in: model),
        mlpIn: Self.linear("\(name).mlp.in", inputs: width, outputs: configuration.mlpWidth, in: model),
        mlpOut: Self.linear("\(name).mlp.out", inputs: configuration.mlpWidth, outputs: width, in: model))
    }
  }

  private static func linear(_ name: String, inputs: Int, outputs: Int, in model: ModelFile) -> Linear {
    let packed = model.packed("\(name).weight")
    let sums = AlignedBuffer<Int32>(count: outputs)
    let groups = inputs / 4
    for panel in 0..<outputs / 16 {
      for group in 0..<groups {
        let base = (panel * groups + group) * 64
        for element in 0..<64 { sums.base[panel * 16 + element / 4] += Int32(packed[base + element]) }
      }
    }
    return Linear(
      weights: ck_weights(
        values: packed.baseAddress, scales: pointer("\(name).scale", in: model), sums: sums.base,
        depth: inputs,
        columns: outputs),
      bias: pointer("\(name).bias", in: model), sums: sums)
  }

  private static func norm(_ name: String, in model: ModelFile) -> Norm {
    Norm(gain: pointer("\(name).weight", in: model), bias: pointer("\(name).bias", in: model))
  }

  private static func pointer(_ name: String, in model: ModelFile) -> UnsafePointer<Float> {
    guard let base = model.float(name).baseAddress else {
      preconditionFailure("The model file was checked to have elements in \(name).")
    }
    return base
  }
}
