import Foundation

/// Reads the JSON of a safetensors header: objects, strings, and arrays of whole numbers that are not negative.
///
/// A general JSON decoder would keep the last of two members with the same name and turn large numbers into
/// doubles; a header in which either happens is a lie about where weights lie, so the header has its own reader.
struct SafeTensorsHeaderScanner {
  private let bytes: [UInt8]
  private let file: URL
  private var position = 0

  /// - Parameter bytes: the header; must be valid UTF-8.
  init(_ bytes: [UInt8], file: URL) {
    self.bytes = bytes
    self.file = file
  }

  func malformed(_ sentence: String) -> ModelFileError { ModelFileError(.malformed, file, sentence) }

  /// Reads an object; `member` is called after each key's colon and must read the value.
  mutating func object(
    _ member: (inout SafeTensorsHeaderScanner, _ key: String) throws(ModelFileError) -> Void
  ) throws(ModelFileError) {
    try expect("{")
    if take("}") { return }
    var keys = Set<String>()
    repeat {
      let key = try string()
      guard keys.insert(key).inserted else { throw malformed("The header holds \(key.quoted) twice.") }
      try expect(":")
      try member(&self, key)
    } while take(",")
    try expect("}")
  }

  /// Reads an array of at most `limit` numbers; `what` names it in messages.
  mutating func numbers(_ what: String, limit: Int) throws(ModelFileError) -> [Int] {
    var values: [Int] = []
    try expect("[")
    if take("]") { return values }
    repeat {
      guard values.count < limit else { throw malformed("\(what) has more than \(limit) numbers.") }
      values.append(try number(what))
    } while take(",")
    try expect("]")
    return values
  }

  mutating func string() throws(ModelFileError) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while true {
      let byte = try next()
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20:
        throw malformed("The header has a control character inside a string at byte \(position).")
      default: text.append(byte)
      }
    }
  }

  /// Checks that nothing but the format's padding with spaces follows.
  mutating func end() throws(ModelFileError) {
    skipSpace()
    guard position == bytes.count else { throw malformed("The header goes on after its closing brace.") }
  }

  private mutating func number(_ what: String) throws(ModelFileError) -> Int {
    skipSpace()
    guard position < bytes.count, bytes[position] != UInt8(ascii: "-") else {
      throw malformed("\(what) has a negative number.")
    }
    let start = position
    var value = 0
    while position < bytes.count, case let digit = Int(bytes[position]) - 48, 0...9 ~= digit {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(digit)
      guard !overflow, !carry else { throw malformed("\(what) has a number beyond 64 bits.") }
      value = sum
      position += 1
    }
    let hasLeadingZero = position - start > 1 && bytes[start] == UInt8(ascii: "0")
    guard position > start, !hasLeadingZero else {
      throw malformed("\(what) must hold whole numbers, but byte \(start) of the header starts none.")
    }
    return value
  }

  private mutating func escape() throws(ModelFileError) -> Unicode.Scalar {
    switch try next() {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = UInt32(try codeUnit())
      if 0xD800..<0xDC00 ~= code {
        let start = position
        guard try next() == UInt8(ascii: "\\"), try next() == UInt8(ascii: "u"),
          case let low = UInt32(try codeUnit()), 0xDC00..<0xE000 ~= low
        else { throw malformed("The header has half a surrogate pair at byte \(start).") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw malformed("The header has half a surrogate pair at byte \(position).")
      }
      return scalar
    default: throw malformed("The header has an unknown escape at byte \(position).")
    }
  }

  private mutating func codeUnit() throws(ModelFileError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(try next())).hexDigitValue else {
        throw malformed("The header has an unknown escape at byte \(position).")
      }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(ModelFileError) {
    guard take(character) else {
      throw malformed("The header is not a safetensors header: byte \(position) should be '\(character)'.")
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  private mutating func next() throws(ModelFileError) -> UInt8 {
    guard position < bytes.count else { throw malformed("The header ends inside a string.") }
    defer { position += 1 }
    return bytes[position]
  }
}
