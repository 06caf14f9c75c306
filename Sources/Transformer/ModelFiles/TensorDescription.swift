/// What a safetensors header says about one tensor, checked against the file.
public struct TensorDescription: Sendable, Equatable, Codable {
  public let name: String
  public let type: TensorType
  /// Row-major, slowest dimension first; empty for a scalar.
  public let shape: [Int]
  /// First byte, counted from the start of the file.
  public let offset: Int
  public let byteCount: Int

  /// Where the elements lie, in bytes from the start of the file.
  var range: Range<Int> { offset..<offset + byteCount }

  /// Product of the shape.
  public var elementCount: Int { byteCount / type.byteCount }
}
