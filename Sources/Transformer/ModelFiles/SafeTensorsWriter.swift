import Crypto
public import Foundation

/// Collects tensors and writes them as one safetensors file.
///
/// The same tensors and metadata give the same bytes, in whatever order they were added. Data starts at a multiple
/// of 64 bytes (the header is padded with spaces), and tensors whose size is divisible by more powers of two come
/// first, so that without holes, which the format forbids, every tensor starts at a multiple of the largest power
/// of two up to 64 that divides its own size: of 64 for every tensor whose size is a multiple of 64 bytes.
public struct SafeTensorsWriter {
  private struct Entry {
    let name: String
    let type: TensorType
    let shape: [Int]
    let bytes: [UInt8]

    var alignment: Int { 1 << min(bytes.count.trailingZeroBitCount, 6) }
  }

  /// The strings for `__metadata__`.
  public var metadata: [String: String]
  private var entries: [Entry] = []

  public init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Adds a tensor from its little-endian elements.
  ///
  /// - Precondition: `bytes` has exactly the size of `shape`, and the name is new and not `__metadata__`.
  public mutating func add(_ name: String, type: TensorType, shape: [Int], bytes: [UInt8]) {
    precondition(
      bytes.count == shape.reduce(type.byteCount, *),
      "Tensor \(name), \(type.rawValue) \(shape), does not take \(bytes.count) bytes.")
    precondition(
      name != "__metadata__" && !entries.contains { $0.name == name }, "The tensor name \(name) is taken.")
    entries.append(Entry(name: name, type: type, shape: shape, bytes: bytes))
  }

  public mutating func add(_ name: String, shape: [Int], _ values: [Float]) {
    add(name, type: .float32, shape: shape, bytes: values.withUnsafeBytes { [UInt8]($0) })
  }

  public mutating func add(_ name: String, shape: [Int], _ values: [Int8]) {
    add(name, type: .int8, shape: shape, bytes: values.map { UInt8(bitPattern: $0) })
  }

  /// SHA-256, in lower-case hexadecimal, of the elements of the tensors whose name starts so, by name.
  func sha256(ofNamesStartingWith prefix: String) -> String {
    var hash = SHA256()
    for entry in entries.filter({ $0.name.hasPrefix(prefix) }).sorted(by: {
      $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }) {
      hash.update(data: entry.bytes)
    }
    return hash.finalize().hexadecimal
  }

  /// Writes the file so that it appears whole or not at all.
  public func write(to file: URL) throws(ModelFileError) {
    let ordered = entries.sorted {
      $0.alignment == $1.alignment
        ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) : $0.alignment > $1.alignment
    }
    try AtomicFile.write([header(of: ordered)] + ordered.map(\.bytes), to: file)
  }

  private func header(of ordered: [Entry]) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      members.append(
        "\"__metadata__\":{"
          + pairs.map { "\($0.key.jsonLiteral):\($0.value.jsonLiteral)" }.joined(separator: ",") + "}")
    }
    var offset = 0
    for entry in ordered {
      let shape = entry.shape.map(String.init).joined(separator: ",")
      let end = offset + entry.bytes.count
      members.append(
        "\(entry.name.jsonLiteral):{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var json = [UInt8]("{\(members.joined(separator: ","))}".utf8)
    let length = (SafeTensorsHeader.prefixLength + json.count + 63) / 64 * 64 - SafeTensorsHeader.prefixLength
    json += [UInt8](repeating: UInt8(ascii: " "), count: length - json.count)
    return (0..<SafeTensorsHeader.prefixLength).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + json
  }
}

extension String {
  /// The string as a JSON literal.
  fileprivate var jsonLiteral: String {
    var literal = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": literal += "\\\""
      case "\\": literal += "\\\\"
      case "\u{0}"..<" ":
        literal += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: literal.unicodeScalars.append(scalar)
      }
    }
    return literal + "\""
  }
}
