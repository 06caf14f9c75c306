public import Compute
import Glibc
import Synchronization

/// Weights in place, without a copy. Alignment was checked when the file was opened.
///
/// Precondition of all of them: where the name starts with `text.`, `checkText()` has succeeded.
extension ModelFile {
  /// The elements of a float32 tensor, row-major, in the mapped file.
  ///
  /// The buffer is valid as long as this object lives: keep the model in a property beside whatever uses it. It
  /// starts at a multiple of 64 bytes where the tensor's size is one, in files written by `SafeTensorsWriter`.
  /// - Precondition: the model has a float32 tensor of that name (`docs/model-format.md`).
  public func float(_ name: String) -> UnsafeBufferPointer<Float> {
    let tensor = tensor(name, .float32)
    return tensor.bytes.assumingMemoryBound(to: Float.self)
  }

  /// The elements of an int8 tensor as `PackedWeights` describes them; valid as long as this object lives.
  ///
  /// - Precondition: this is an int8 model and the tensor is one of its packed weights.
  public func packed(_ name: String) -> UnsafeBufferPointer<Int8> {
    let tensor = tensor(name, .int8)
    return tensor.bytes.assumingMemoryBound(to: Int8.self)
  }

  /// A linear weight as a float32 matrix, whichever way the file stores it; quantised ones are multiplied out.
  ///
  /// - Precondition: the model has a weight of that name with two dimensions.
  public func matrix(_ name: String) -> Matrix {
    let tensors =
      configuration.floatTensors
      + (text?.floatTensors(embeddingWidth: configuration.embeddingWidth ?? 0) ?? [])
    guard let shape = tensors.first(where: { $0.name == name })?.shape, shape.count == 2 else {
      preconditionFailure("This model has no matrix \(name).")
    }
    guard precision == .int8, ImageTowerConfiguration.isQuantised(name) else {
      return Matrix(rows: shape[0], columns: shape[1], values: Array(float(name)))
    }
    let values = packed(name)
    let scales = float(ImageTowerConfiguration.scaleName(of: name))
    return PackedWeights.dequantised(
      rows: shape[0], columns: shape[1], value: { values[$0] }, scale: { scales[$0] })
  }

  /// The vocabulary's merges, in the order of their lines.
  ///
  /// - Precondition: the model has a text tower.
  /// - Throws: `ModelFileError` where they are no text or not as many as the vocabulary has.
  func merges() throws(ModelFileError) -> [Substring] {
    guard let mergeCount = text?.mergeCount else { preconditionFailure("This model has no text tower.") }
    let bytes = tensor(TextTowerConfiguration.mergesName, .uint8).bytes
    guard let lines = String(validating: bytes, as: UTF8.self) else {
      throw ModelFileError(
        .invalidValue, url, "Tensor \(TextTowerConfiguration.mergesName) is not valid UTF-8.")
    }
    let merges = lines.isEmpty ? [] : lines.split(separator: "\n", omittingEmptySubsequences: false)
    guard merges.count == mergeCount else {
      throw ModelFileError(
        .invalidValue, url,
        "Tensor \(TextTowerConfiguration.mergesName) has \(merges.count) lines, but the vocabulary has \(mergeCount) merges."
      )
    }
    return merges
  }

  private func tensor(_ name: String, _ type: TensorType) -> TensorView {
    precondition(
      !name.hasPrefix(Self.textPrefix) || textIsChecked.withLock { $0 },
      "\(name) is read before checkText().")
    guard let tensor = file.tensor(named: name), tensor.description.type == type else {
      preconditionFailure("This model has no \(type.rawValue) tensor \(name).")
    }
    return tensor
  }
}

extension TensorView {
  /// What is wrong with the values of a model file's tensor, or nil; the tensor is aligned.
  var valueFault: String? {
    switch description.type {
    case .float32:
      let values = bytes.assumingMemoryBound(to: Float.self)
      if let fault = values.nonFiniteFault { return fault }
      if description.name.hasSuffix(".scale"), let index = values.firstIndex(where: { $0 <= 0 }) {
        return "has the value \(values[index]) at index \(index), but scales are positive"
      }
      return nil
    case .int8:
      let lowest = bytes.baseAddress.flatMap { memchr($0, 0x80, bytes.count) }
      return lowest == nil ? nil : "holds the value -128, but packed weights are -127 to 127"
    default: return nil
    }
  }
}
