/// Decoding of UTF-8 together with what Java and old databases write instead: CESU-8 (a character beyond U+FFFF as its
/// two surrogates, three bytes each) and C0 80 for U+0000.
enum UTF8Variants {
  /// The text, or nil where the bytes are neither.
  static func decode(_ bytes: [UInt8]) -> [Unicode.Scalar]? {
    var result: [Unicode.Scalar] = []
    /// Start of what is plain UTF-8.
    var start = 0
    func appendPlain(upTo end: Int) -> Bool {
      guard let text = String(validating: bytes[start..<end], as: UTF8.self) else { return false }
      result += text.unicodeScalars
      return true
    }
    var index = 0
    while index < bytes.count {
      let special: (character: Unicode.Scalar, length: Int)?
      switch bytes[index] {
      case 0xC0: special = isNull(bytes, at: index) ? ("\0", 2) : nil
      case 0xED: special = surrogatePair(bytes, at: index).map { ($0, 6) }
      default: special = nil
      }
      if let special {
        guard appendPlain(upTo: index) else { return nil }
        result.append(special.character)
        index += special.length
        start = index
      } else {
        index += 1
      }
    }
    return appendPlain(upTo: bytes.count) ? result : nil
  }

  /// Before a newline that ends the text, ftfy takes C0 for U+0000 too, and the newline with it.
  private static func isNull(_ bytes: [UInt8], at index: Int) -> Bool {
    guard index + 1 < bytes.count else { return false }
    return bytes[index + 1] == 0x80 || bytes[index + 1] == 0x0A && index + 2 == bytes.count
  }

  private static func surrogatePair(_ bytes: [UInt8], at index: Int) -> Unicode.Scalar? {
    guard bytes.count - index >= 6, case let pair = bytes[index..<(index + 6)].map(UInt32.init),
      0xA0...0xAF ~= pair[1], 0x80...0xBF ~= pair[2], pair[3] == 0xED, 0xB0...0xBF ~= pair[4],
      0x80...0xBF ~= pair[5]
    else { return nil }
    return Unicode.Scalar(
      0x10000 + (pair[1] & 0x0F) << 16 + (pair[2] & 0x3F) << 10 + (pair[4] & 0x0F) << 6 + pair[5] & 0x3F)
  }
}
