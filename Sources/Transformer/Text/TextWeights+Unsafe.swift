package import Compute

/// The weights of a text tower as float products take them. Pointers are valid while `model` lives, which this value
/// sees to.
package struct TextWeights: @unchecked Sendable {
  package struct Norm {
    package let gain: UnsafePointer<Float>
    package let bias: UnsafePointer<Float>
  }

  package struct Linear {
    package let weights: PackedMatrix
    package let bias: UnsafePointer<Float>
    /// The weights as they lie in the model file, `outputs x inputs`: what gradients flow back through.
    package let rows: UnsafeBufferPointer<Float>
  }

  package struct Block {
    package let norm1: Norm
    package let qkv: Linear
    package let attentionOut: Linear
    package let norm2: Norm
    package let mlpIn: Linear
    package let mlpOut: Linear
  }

  private let model: ModelFile
  /// `vocabularySize x width`.
  package let embedding: UnsafePointer<Float>
  /// `contextLength x width`.
  package let position: UnsafePointer<Float>
  package let blocks: [Block]
  package let norm: Norm
  package let projection: PackedMatrix
  /// As in the model file, `embeddingWidth x width`.
  package let projectionRows: UnsafeBufferPointer<Float>

  /// - Precondition: the model has a text tower, and `checkText()` has succeeded.
  init(_ model: ModelFile) {
    guard let configuration = model.text, let embeddingWidth = model.configuration.embeddingWidth else {
      preconditionFailure("The model was checked to have a text tower.")
    }
    func tensor(_ name: String) -> UnsafeBufferPointer<Float> { model.float(name) }
    func pointer(_ name: String) -> UnsafePointer<Float> {
      guard let base = tensor(name).baseAddress else {
        preconditionFailure("The model file was checked to have elements in \(name).")
      }
      return base
    }
    func norm(_ name: String) -> Norm {
      Norm(gain: pointer("\(name).weight"), bias: pointer("\(name).bias"))
    }
    func linear(_ name: String, inputs: Int, outputs: Int) -> Linear {
      let rows = tensor("\(name).weight")
      return Linear(
        weights: PackedMatrix(rows, .transposed, depth: inputs, columns: outputs),
        bias: pointer("\(name).bias"), rows: rows)
    }
    let (width, hidden) = (configuration.width, configuration.mlpWidth)
    self.model = model
    embedding = pointer("text.embedding")
    position = pointer("text.position")
    blocks = (0..<configuration.depth).map { index in
      let name = "text.blocks.\(index)"
      return Block(
        norm1: norm("\(name).norm1"), qkv: linear("\(name).attention.qkv", inputs: width, outputs: 3 * width),
        attentionOut: linear("\(name).attention.out", inputs: width, outputs: width),
        norm2: norm("\(name).norm2"), mlpIn: linear("\(name).mlp.in", inputs: width, outputs: hidden),
        mlpOut: linear("\(name).mlp.out", inputs: hidden, outputs: width))
    }
    self.norm = norm("text.norm")
    projectionRows = tensor("text.projection")
    projection = PackedMatrix(projectionRows, .transposed, depth: width, columns: embeddingWidth)
  }
}
