import Foundation

/// Reads tensors of a checkpoint by the names of its layout and says what is wrong with one.
struct TensorReader {
  let file: SafeTensorsFile
  let layout: CheckpointLayout
  let prefix: String

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
    let stem = prefix + stem
    let numbers = file.tensors.compactMap { tensor in
      tensor.name.hasPrefix(stem) ? Int(tensor.name.dropFirst(stem.count).prefix { $0 != "." }) : nil
    }
    guard let last = numbers.max(), 0..<1024 ~= last else {
      throw incompatible("No tensor is named \(stem) and a block's number from 0 to 1023.")
    }
    return last + 1
  }

  /// Names the variants of an architecture that share the layout but compute something else.
  func refuseVariants() throws(ModelFileError) {
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
    guard let tensor = file.tensor(named: prefix + name) else {
      throw incompatible("Tensor \((prefix + name).quoted) is missing; it should have the shape \(expected).")
    }
    return tensor.description
  }

  private func incompatible(_ sentence: String) -> ModelFileError {
    ModelFileError(.incompatible, file.url, sentence)
  }
}
