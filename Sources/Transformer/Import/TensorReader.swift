import Foundation

/// Reads tensors of a checkpoint by their names and says what is wrong with one.
struct TensorReader {
  let file: SafeTensorsFile

  /// The shape of a tensor, refused unless all its sides are positive and it satisfies the condition.
  func shape(
    _ name: String, _ expected: String, where condition: ([Int]) -> Bool
  ) throws(ModelFileError) -> [Int] {
    let tensor = try tensor(name, expected)
    guard tensor.shape.allSatisfy({ $0 > 0 }), condition(tensor.shape) else {
      throw incompatible(
        "Tensor \(tensor.name.quoted) has the shape \(tensor.shape), but \(expected) was expected.")
    }
    return tensor.shape
  }

  /// The elements of a tensor of exactly that shape, as finite 32-bit floats.
  func floats(_ name: String, _ shape: [Int]) throws(ModelFileError) -> [Float] {
    let tensor = try tensor(name, "\(shape)")
    guard tensor.shape == shape else {
      throw incompatible(
        "Tensor \(tensor.name.quoted) has the shape \(tensor.shape), but \(shape) was expected.")
    }
    guard let values = file.tensor(named: tensor.name)?.floats() else {
      throw incompatible(
        "Tensor \(tensor.name.quoted) is \(tensor.type.rawValue), but weights are F32, F16, BF16 or F64.")
    }
    if let fault = values.withUnsafeBufferPointer(\.nonFiniteFault) {
      throw ModelFileError(
        .invalidValue, file.url, "Tensor \(tensor.name.quoted) \(fault), but weights must be finite.")
    }
    return values
  }

  /// Number of blocks: one more than the highest number that follows the stem.
  func depth(_ stem: String) throws(ModelFileError) -> Int {
    let numbers = file.tensors.compactMap { tensor in
      tensor.name.hasPrefix(stem) ? Int(tensor.name.dropFirst(stem.count).prefix { $0 != "." }) : nil
    }
    guard let last = numbers.max(), 0..<1024 ~= last else {
      throw incompatible("No tensor is named \(stem) and a block's number from 0 to 1023.")
    }
    return last + 1
  }

  /// Channels between the two linear layers of every block's MLP.
  ///
  /// - Throws: also where a block is pruned: where its MLP is not as wide as the first one's, or its heads do not make up
  ///   the width.
  func mlpWidth(
    _ layout: CheckpointLayout, blocks: String, depth: Int, width: Int
  ) throws(ModelFileError) -> Int {
    let names = layout.block
    let first = try shape("\(blocks)0.\(names.mlpIn).weight", "[mlp, width]") { $0.count == 2 }[0]
    for block in 0..<depth {
      func rows(_ name: String) -> Int? {
        let shape = file.tensor(named: "\(blocks)\(block).\(name)")?.description.shape ?? []
        return shape.count == 2 && shape[1] == width ? shape[0] : nil
      }
      // What else is wrong with a shape is said where the tensor is read.
      guard let mlp = rows("\(names.mlpIn).weight"), let heads = rows(names.qkv.weights[0]) else { continue }
      let attention = heads * names.qkv.weights.count / 3
      guard mlp == first, attention == width else {
        throw ModelFileError(
          .unsupported, file.url,
          "Block \(block) of \(blocks.quoted) has \(attention) channels of attention and an MLP of \(mlp), not \(width) and "
            + "\(first): blocks pruned to sizes of their own, as in TinyCLIP's \"auto\" models, are not in the model format; "
            + "take a model whose blocks are all alike.")
      }
    }
    return first
  }

  /// Names the variants of an architecture that share the layout but compute something else.
  func refuseVariants(_ prefix: String) throws(ModelFileError) {
    let variants = [
      ("embeddings.register_tokens", "register tokens"),
      ("encoder.layer.0.mlp.weights_in.weight", "a SwiGLU MLP"),
    ]
    for (name, variant) in variants where file.tensor(named: prefix + name) != nil {
      throw ModelFileError(
        .unsupported, file.url,
        "Tensor \((prefix + name).quoted) says that the network has \(variant), which the encoder does not have."
      )
    }
  }

  private func tensor(_ name: String, _ expected: String) throws(ModelFileError) -> TensorDescription {
    guard let tensor = file.tensor(named: name) else {
      throw incompatible("Tensor \(name.quoted) is missing; it should have the shape \(expected).")
    }
    return tensor.description
  }

  private func incompatible(_ sentence: String) -> ModelFileError {
    ModelFileError(.incompatible, file.url, sentence)
  }
}
