import Foundation
import TestSupport

/// Reads what `Tests/Oracles/imaging_batch.py` writes: a row of blobs with their lengths before them.
struct BatchReader {
  private var rest: ArraySlice<UInt8>

  struct EndsEarly: Error {}

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// Runs an oracle whose first argument is the file it is to write, and reads that.
  init(oracle: String, _ arguments: [String] = []) throws {
    let folder = try TemporaryFolder()
    let file = folder.file("batch")
    try Oracle.run(oracle, [file.path] + arguments)
    self.init([UInt8](try Data(contentsOf: file)))
  }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func blob() throws -> [UInt8] {
    guard rest.count >= 4 else { throw EndsEarly() }
    let count = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    rest = rest.dropFirst(4)
    guard rest.count >= count else { throw EndsEarly() }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  mutating func text() throws -> String { String(decoding: try blob(), as: UTF8.self) }

  mutating func numbers() throws -> [Int] { try words().map { Int(Int32(bitPattern: $0)) } }

  mutating func floats() throws -> [Float] { try words().map { Float(bitPattern: $0) } }

  private mutating func words() throws -> [UInt32] {
    let bytes = try blob()
    return stride(from: 0, to: bytes.count, by: 4).map { at in
      bytes[at..<at + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
  }
}
