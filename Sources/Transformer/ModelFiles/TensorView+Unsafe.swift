import Glibc

/// One tensor of a mapped safetensors file.
///
/// The view keeps the mapping alive; a copy of `bytes` alone does not.
public struct TensorView {
  public let description: TensorDescription
  /// The elements as they lie in the file, little-endian; the start need not be aligned.
  public let bytes: UnsafeRawBufferPointer
  private let mapping: MappedFile

  init(_ description: TensorDescription, in mapping: MappedFile) {
    self.description = description
    self.mapping = mapping
    bytes = UnsafeRawBufferPointer(
      rebasing: mapping.bytes[description.offset..<description.offset + description.byteCount])
  }

  /// The elements of a floating-point tensor as 32-bit floats; nil for any other type.
  ///
  /// F16 and BF16 convert exactly; F64 is rounded to nearest even, and overflows to infinity.
  public func floats() -> [Float]? {
    switch description.type {
    case .float32:
      [Float](unsafeUninitializedCapacity: description.elementCount) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        count = description.elementCount
      }
    case .float64: map { (bits: UInt64) in Float(Double(bitPattern: UInt64(littleEndian: bits))) }
    case .float16: map { (bits: UInt16) in Float(Float16(bitPattern: UInt16(littleEndian: bits))) }
    case .bfloat16: map { (bits: UInt16) in Float(bitPattern: UInt32(UInt16(littleEndian: bits)) << 16) }
    case .int64, .int32, .int8, .uint8, .bool: nil
    }
  }

  private func map<Bits: FixedWidthInteger & BitwiseCopyable>(_ convert: (Bits) -> Float) -> [Float] {
    let stride = MemoryLayout<Bits>.size
    return (0..<description.elementCount).map {
      convert(bytes.loadUnaligned(fromByteOffset: $0 * stride, as: Bits.self))
    }
  }
}

extension UnsafeBufferPointer<Float> {
  /// Where the first NaN or infinity is, as the end of a sentence, or nil where every value is finite.
  ///
  /// The first pass has no branch in its loop, so that release builds vectorise it and debug builds stay usable
  /// on whole models.
  var nonFiniteFault: String? {
    // Finite values have an exponent below 255. One added to it carries into the sign's bit otherwise.
    let exponent: UInt32 = 0x7F80_0000
    let one: UInt32 = 0x0080_0000
    var carries: UInt32 = 0
    var index = 0
    while index < count {
      carries |= (self[index].bitPattern & exponent) &+ one
      index += 1
    }
    guard carries & 0x8000_0000 != 0, let first = firstIndex(where: { !$0.isFinite }) else { return nil }
    // A description of its own for NaN: Swift's shows the payload.
    return "has the value \(self[first].isNaN ? "NaN" : "\(self[first])") at index \(first)"
  }
}
