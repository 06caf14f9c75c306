import Foundation

/// The checked header of a safetensors file.
struct SafeTensorsHeader {
  private(set) var metadata: [String: String] = [:]
  /// In the order of their data.
  private(set) var tensors: [TensorDescription] = []

  /// Bytes before the JSON: its length as a 64-bit little-endian number.
  static let prefixLength = 8

  init(of mapping: MappedFile, url: URL) throws(ModelFileError) {
    func malformed(_ sentence: String) -> ModelFileError { ModelFileError(.malformed, url, sentence) }

    let prefix = Self.prefixLength
    let total = mapping.bytes.count
    guard total >= prefix else {
      throw malformed("The file has \(total) bytes, too few for a safetensors file.")
    }
    let announced = mapping.headerLength
    guard announced <= UInt64(total - prefix) else {
      throw malformed(
        "The first eight bytes announce a header of \(announced) bytes, but \(total - prefix) follow, so this is "
          + "not a whole safetensors file (Scripts/convert-checkpoint makes one of PyTorch and ONNX checkpoints)."
      )
    }
    guard announced <= UInt64(SafeTensorsFile.headerLimit) else {
      throw malformed(
        "The header has \(announced) bytes, more than the \(SafeTensorsFile.headerLimit) that are accepted.")
    }
    let dataStart = prefix + Int(announced)
    let json = [UInt8](mapping.bytes[prefix..<dataStart])
    guard json.first == UInt8(ascii: "{") else { throw malformed("The header does not start with '{'.") }
    guard String(validating: json, as: UTF8.self) != nil else {
      throw malformed("The header is not valid UTF-8.")
    }

    var scanner = SafeTensorsHeaderScanner(json, file: url)
    try scanner.object { (scanner, key) throws(ModelFileError) in
      if key == "__metadata__" {
        try scanner.object { (scanner, key) throws(ModelFileError) in metadata[key] = try scanner.string() }
      } else if tensors.count < SafeTensorsFile.tensorLimit {
        tensors.append(try scanner.tensor(named: key, dataStart: dataStart))
      } else {
        throw malformed(
          "The file has more than the \(SafeTensorsFile.tensorLimit) tensors that are accepted.")
      }
    }
    try scanner.end()

    // By end as well, so that an empty tensor comes before the one that starts where it stands.
    tensors.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
    var end = dataStart
    for tensor in tensors {
      guard tensor.offset >= end else {
        throw malformed("Tensor \(tensor.name.quoted) overlaps the tensor before it.")
      }
      guard tensor.offset == end else {
        throw malformed(
          "Before tensor \(tensor.name.quoted) lie bytes that belong to no tensor: \(tensor.offset - end).")
      }
      guard tensor.byteCount <= total - tensor.offset else {
        throw malformed(
          "Tensor \(tensor.name.quoted) needs \(tensor.byteCount) bytes, but only \(total - tensor.offset) "
            + "are left: the file is cut short.")
      }
      end = tensor.offset + tensor.byteCount
    }
    guard end == total else {
      throw malformed("After the last tensor lie bytes that belong to no tensor: \(total - end).")
    }
  }
}

extension SafeTensorsHeaderScanner {
  /// Reads what the header says of one tensor; offsets in the header count from the end of the header.
  fileprivate mutating func tensor(named name: String, dataStart: Int) throws(ModelFileError)
    -> TensorDescription
  {
    var type: TensorType?
    var shape: [Int]?
    var range: [Int]?
    try object { (scanner, key) throws(ModelFileError) in
      switch key {
      case "dtype":
        let spelling = try scanner.string()
        type = TensorType(rawValue: spelling)
        guard type != nil else {
          throw scanner.malformed(
            "Tensor \(name.quoted) has the element type \(spelling.quoted); known are "
              + TensorType.allCases.map(\.rawValue).joined(separator: ", ") + ".")
        }
      case "shape":
        shape = try scanner.numbers("The shape of tensor \(name.quoted)", limit: SafeTensorsFile.rankLimit)
      case "data_offsets":
        range = try scanner.numbers("data_offsets of tensor \(name.quoted)", limit: 2)
      default:
        throw scanner.malformed("Tensor \(name.quoted) has the unknown key \(key.quoted).")
      }
    }
    guard let type, let shape, let range, range.count == 2 else {
      throw malformed("Tensor \(name.quoted) must have dtype, shape and two data_offsets.")
    }
    var byteCount = type.byteCount
    for side in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: side)
      guard !overflow else {
        throw malformed("The shape of tensor \(name.quoted) multiplies beyond 64 bits.")
      }
      byteCount = product
    }
    guard range[1] >= range[0] else {
      throw malformed("Tensor \(name.quoted) ends at \(range[1]), before it starts at \(range[0]).")
    }
    guard range[1] - range[0] == byteCount else {
      throw malformed(
        "Tensor \(name.quoted), \(type.rawValue) \(shape), takes \(byteCount) bytes, but its data_offsets span "
          + "\(range[1] - range[0]).")
    }
    let (offset, overflow) = range[0].addingReportingOverflow(dataStart)
    guard !overflow else {
      throw malformed("data_offsets of tensor \(name.quoted) has a number beyond 64 bits.")
    }
    return TensorDescription(name: name, type: type, shape: shape, offset: offset, byteCount: byteCount)
  }
}
