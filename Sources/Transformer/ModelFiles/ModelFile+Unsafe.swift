public import Compute
import Glibc

/// Weights in place, without a copy. Alignment was checked when the file was opened.
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
    guard let shape = configuration.floatTensors.first(where: { $0.name == name })?.shape, shape.count == 2
    else {
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

  private func tensor(_ name: String, _ type: TensorType) -> TensorView {
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
    default:
      let lowest = bytes.baseAddress.flatMap { memchr($0, 0x80, bytes.count) }
      return lowest == nil ? nil : "holds the value -128, but packed weights are -127 to 127"
    }
  }
}
