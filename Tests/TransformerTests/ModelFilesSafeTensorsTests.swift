import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct ModelFilesSafeTensorsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file of the given header and so many bytes of data.
  func file(header: String, data: Int, headerLength: UInt64? = nil) throws -> URL {
    try file(header: [UInt8](header.utf8), data: data, headerLength: headerLength)
  }

  func file(header: [UInt8], data: Int, headerLength: UInt64? = nil) throws -> URL {
    let length = headerLength ?? UInt64(header.count)
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header
    let url = folder.file("hostile.safetensors")
    try Data(bytes + [UInt8](repeating: 1, count: data)).write(to: url)
    return url
  }

  func sentence(_ url: URL) -> String {
    do {
      _ = try SafeTensorsFile(contentsOf: url)
      return "accepted"
    } catch {
      #expect(error.file == url.path && error.description == "\(url.path): \(error.sentence)")
      return error.sentence
    }
  }

  // MARK: Against the Python library

  struct Listing: Decodable {
    struct Tensor: Decodable {
      let dtype: String
      let shape: [Int]
      let bytes: String
    }
    let metadata: [String: String]
    let tensors: [String: Tensor]
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func pythonReadsWhatIsWrittenHere() throws {
    let url = folder.file("ours.safetensors")
    let metadata = ["key": "a \"b\" \\ \n\t\u{1} ü 😀", "": "empty key"]
    let tensors: [(name: String, type: TensorType, shape: [Int])] = [
      ("doubles", .float64, [3]), ("floats", .float32, [4, 4]), ("halves", .float16, [5]),
      ("brains", .bfloat16, [2, 3]),
      ("longs", .int64, [1]), ("ints", .int32, [7]), ("bytes", .int8, [64]), ("unsigned", .uint8, [1, 1, 3]),
      ("scalar", .float32, []), ("empty", .float32, [0, 9]), ("na\"me\n", .uint8, [1]), ("ü", .float32, [2]),
    ]
    var generator = SeededGenerator(seed: 3)
    var bytes: [String: [UInt8]] = [:]
    var writer = SafeTensorsWriter(metadata: metadata)
    for tensor in tensors {
      let content = (0..<tensor.shape.reduce(tensor.type.byteCount, *)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      bytes[tensor.name] = content
      writer.add(tensor.name, type: tensor.type, shape: tensor.shape, bytes: content)
    }
    try writer.write(to: url)

    let output = try Oracle.run("safetensors_files", ["read", url.path])
    let listing = try JSONDecoder().decode(Listing.self, from: output)
    #expect(listing.metadata == metadata)
    #expect(listing.tensors.count == tensors.count)
    for tensor in tensors {
      let read = try #require(listing.tensors[tensor.name])
      #expect(read.dtype == tensor.type.rawValue)
      #expect(read.shape == tensor.shape)
      #expect(read.bytes == bytes[tensor.name]?.map { String(format: "%02x", $0) }.joined())
    }
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func readsWhatPythonWrites() throws {
    let url = folder.file("python.safetensors")
    let output = try Oracle.run("safetensors_files", ["write", url.path])
    let floats = try JSONDecoder().decode([String: [UInt32]].self, from: output)
    let file = try SafeTensorsFile(contentsOf: url)
    #expect(file.metadata == ["schlüssel": "a \"b\" \\ \n \u{2028} 😀"])
    #expect(Set(file.tensors.map(\.type)) == Set(TensorType.allCases))
    #expect(floats.count == 6)
    for tensor in file.tensors {
      let values = file.tensor(named: tensor.name)?.floats()
      #expect(values?.map(\.bitPattern) == floats[tensor.name], "\(tensor.name)")
      #expect((values == nil) == !tensor.type.isFloatingPoint)
    }
  }

  // MARK: Writing

  @Test func bytesDependOnContentsOnly() throws {
    var files: [Data] = []
    for order in [["a", "b", "c", "d"], ["d", "b", "a", "c"]] {
      var writer = SafeTensorsWriter(metadata: ["z": "1", "a": "2", "m": "3"])
      for name in order { writer.add(name, shape: [2], [Float](arrayLiteral: 1, 2)) }
      try writer.write(to: folder.file("file"))
      files.append(try Data(contentsOf: folder.file("file")))
    }
    #expect(files[0] == files[1])
  }

  @Test func tensorsStartAtThePowerOfTwoThatDividesTheirSize() throws {
    var generator = SeededGenerator(seed: 9)
    for _ in 0..<20 {
      var writer = SafeTensorsWriter()
      for index in 0..<20 {
        let size =
          Bool.random(using: &generator)
          ? 64 * Int.random(in: 0...4, using: &generator) : Int.random(in: 0...200, using: &generator)
        writer.add("tensor \(index)", shape: [size], [Int8](repeating: 1, count: size))
      }
      try writer.write(to: folder.file("file"))
      for tensor in try SafeTensorsFile(contentsOf: folder.file("file")).tensors {
        #expect(tensor.offset % (1 << min(tensor.byteCount.trailingZeroBitCount, 6)) == 0)
      }
    }
  }

  @Test func failedWriteLeavesNothingBehind() throws {
    var writer = SafeTensorsWriter()
    writer.add("a", shape: [1], [Float](arrayLiteral: 1))
    try FileManager.default.createDirectory(
      at: folder.file("folder/inside"), withIntermediateDirectories: true)
    let blocked = #expect(throws: ModelFileError.self) { try writer.write(to: folder.file("folder")) }
    #expect(blocked?.sentence == "The file cannot be renamed into place: Is a directory.")
    let homeless = #expect(throws: ModelFileError.self) { try writer.write(to: folder.file("none/file")) }
    #expect(homeless?.sentence == "The file cannot be created: No such file or directory.")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["folder"])
  }

  @Test func replacedFileStaysReadableThroughItsMapping() throws {
    let url = folder.file("file")
    for value: Float in [1, 2] {
      var writer = SafeTensorsWriter()
      writer.add("a", shape: [1], [value])
      try writer.write(to: url)
      if value == 1 {
        let old = try SafeTensorsFile(contentsOf: url)
        var replacement = SafeTensorsWriter()
        replacement.add("b", shape: [0], [Float]())
        try replacement.write(to: url)
        #expect(old.tensor(named: "a")?.floats() == [1])
      }
    }
    #expect(try SafeTensorsFile(contentsOf: url).tensor(named: "a")?.floats() == [2])
  }

  // MARK: Hostile files

  static let tensor = #""dtype":"F32","shape":[2],"data_offsets":[0,8]"#

  @Test(arguments: [
    (#"{"a":{\#(tensor)}}"#, 8, "accepted"),
    (#"{"a":{\#(tensor)}}   "#, 8, "accepted"),
    ("{}", 0, "accepted"),
    ("", 0, "The header does not start with '{'."),
    (" {}", 0, "The header does not start with '{'."),
    ("{", 0, "The header is not a safetensors header: byte 1 should be '\"'."),
    ("{}{", 0, "The header goes on after its closing brace."),
    (#"{"a":{\#(tensor)},}"#, 8, "The header is not a safetensors header: byte 54 should be '\"'."),
    (#"{"a":[1]}"#, 8, "The header is not a safetensors header: byte 5 should be '{'."),
    (#"{"a":{\#(tensor)},"a":{\#(tensor)}}"#, 8, #"The header holds "a" twice."#),
    (#"{"a":{\#(tensor),"dtype":"F32"}}"#, 8, #"The header holds "dtype" twice."#),
    (#"{"\u0061":{\#(tensor)},"a":{\#(tensor)}}"#, 8, #"The header holds "a" twice."#),
    (#"{"__metadata__":{"a":1}}"#, 0, "The header is not a safetensors header: byte 21 should be '\"'."),
    (#"{"a\ud800":{\#(tensor)}}"#, 8, "The header has half a surrogate pair at byte 9."),
    (#"{"a\udc00":{\#(tensor)}}"#, 8, "The header has half a surrogate pair at byte 9."),
    (#"{"a\x":{\#(tensor)}}"#, 8, "The header has an unknown escape at byte 5."),
    ("{\"a\n", 8, "The header has a control character inside a string at byte 4."),
    (#"{"a"#, 8, "The header ends inside a string."),
    (#"{"a":{"dtype":"F32","shape":[2]}}"#, 8, #"Tensor "a" must have dtype, shape and two data_offsets."#),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}"#, 8,
      #"Tensor "a" must have dtype, shape and two data_offsets."#
    ),
    (#"{"a":{\#(tensor),"strides":[1]}}"#, 8, #"Tensor "a" has the unknown key "strides"."#),
    (
      #"{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}"#, 2,
      #"Tensor "a" has the element type "F8_E4M3"; known are F64, F32, F16, BF16, I64, I32, I8, U8, BOOL."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8,
      #"The shape of tensor "a" has a negative number."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, 8,
      #"data_offsets of tensor "a" has a negative number."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}"#, 8,
      "The header is not a safetensors header: byte 30 should be ']'."
    ),
    (
      #"{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}"#, 8,
      #"The shape of tensor "a" must hold whole numbers, but byte 29 of the header starts none."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#, 8,
      #"The shape of tensor "a" must hold whole numbers, but byte 29 of the header starts none."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}"#, 8,
      #"The shape of tensor "a" has a number beyond 64 bits."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, 8,
      #"The shape of tensor "a" multiplies beyond 64 bits."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, 4,
      #"The shape of tensor "a" has more than 8 numbers."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}"#, 8,
      #"data_offsets of tensor "a" has more than 2 numbers."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8,
      #"Tensor "a" ends at 0, before it starts at 8."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8,
      #"Tensor "a", F32 [3], takes 12 bytes, but its data_offsets span 8."#
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775799,9223372036854775807]}}"#, 8,
      #"data_offsets of tensor "a" has a number beyond 64 bits."#
    ),
    (
      #"{"a":{\#(tensor)}}"#, 7,
      #"Tensor "a" needs 8 bytes, but only 7 are left: the file is cut short."#
    ),
    (#"{"a":{\#(tensor)}}"#, 9, "After the last tensor lie bytes that belong to no tensor: 1."),
    (
      #"{"a":{\#(tensor)},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}"#, 12,
      #"Tensor "b" overlaps the tensor before it."#
    ),
    (
      #"{"a":{\#(tensor)},"b":{\#(tensor)}}"#, 8, #"Tensor "b" overlaps the tensor before it."#
    ),
    (
      #"{"a":{\#(tensor)},"b":{"dtype":"U8","shape":[1],"data_offsets":[10,11]}}"#, 11,
      #"Before tensor "b" lie bytes that belong to no tensor: 2."#
    ),
    (
      #"{"a":{\#(tensor)},"e":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}"#, 8,
      #"Tensor "e" overlaps the tensor before it."#
    ),
    (#"{"a":{\#(tensor)},"e":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, 8, "accepted"),
    (#"{"a":{\#(tensor)},"e":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}"#, 8, "accepted"),
  ])
  func hostileHeader(header: String, data: Int, expected: String) throws {
    #expect(sentence(try file(header: header, data: data)) == expected)
  }

  @Test func hostileFile() throws {
    let short = folder.file("short")
    try Data([1, 0, 0]).write(to: short)
    #expect(sentence(short) == "The file has 3 bytes, too few for a safetensors file.")
    try Data().write(to: short)
    #expect(sentence(short) == "The file is empty.")
    #expect(sentence(folder.url) == "This is not a regular file.")
    #expect(sentence(folder.file("none")) == "The file cannot be opened: No such file or directory.")
    for length in [UInt64(3), UInt64.max, UInt64(Int.max)] {
      #expect(
        sentence(try file(header: "{}", data: 0, headerLength: length))
          == "The first eight bytes announce a header of \(length) bytes, but 2 follow, so this is not a whole "
          + "safetensors file (Scripts/convert-checkpoint makes one of PyTorch and ONNX checkpoints).")
    }
    #expect(
      sentence(try file(header: [UInt8]("{\"a\u{fc}".utf8.dropLast()) + [0xFF], data: 0))
        == "The header is not valid UTF-8.")
    let huge = [UInt8](repeating: 0x20, count: SafeTensorsFile.headerLimit + 1)
    #expect(
      sentence(try file(header: huge, data: 0))
        == "The header has 16777217 bytes, more than the 16777216 that are accepted.")
    let many = (0...SafeTensorsFile.tensorLimit).map {
      #""\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    }
    #expect(
      sentence(try file(header: "{\(many.joined(separator: ","))}", data: 0))
        == "The file has more than the 65536 tensors that are accepted.")
    #expect(
      sentence(try file(header: "{\"\\u001b[31m\(String(repeating: "x", count: 500))\":{\"a\":1}}", data: 0))
        == "Tensor \"\\u{1B}[31m\(String(repeating: "x", count: 115))\"... has the unknown key \"a\".")
  }

  /// Every cut and every single changed byte of a sound file is accepted or refused, never a crash, and what is
  /// accepted stays inside the file.
  @Test func damagedFiles() throws {
    var writer = SafeTensorsWriter(metadata: ["k\n": "v"])
    writer.add("a", shape: [2, 1], [Float](arrayLiteral: 1, 2))
    writer.add("b", shape: [3], [Int8](arrayLiteral: 1, 2, 3))
    let url = folder.file("damaged")
    try writer.write(to: url)
    let sound = try Data(contentsOf: url)
    let headerEnd = 8 + sound.dropFirst(8).prefix { $0 != 0x20 }.count
    var accepted = 0
    for count in 0..<sound.count {
      try sound.prefix(count).write(to: url)
      #expect(sentence(url) != "accepted")
    }
    for index in 0..<headerEnd {
      for value in [0, 0x20, 0x22, 0x2D, 0x30, 0x39, 0x5C, 0x7D, 0xFF] as [UInt8] where sound[index] != value
      {
        var damaged = sound
        damaged[index] = value
        try damaged.write(to: url)
        guard let file = try? SafeTensorsFile(contentsOf: url) else { continue }
        accepted += 1
        for tensor in file.tensors {
          #expect(tensor.offset + tensor.byteCount <= sound.count)
          _ = file.tensor(named: tensor.name)?.floats()
        }
      }
    }
    // Names and metadata may change; numbers and structure may not.
    #expect(accepted < 200)
  }
}
