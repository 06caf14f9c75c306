/// An encoding of one byte a character, as text is wrongly decoded with.
struct SingleByteEncoding: Sendable {
  /// What each byte stands for.
  let characters: [Unicode.Scalar]
  private let bytes: [Unicode.Scalar: UInt8]
  /// Whether U+FFFD counts as byte 0x1A: decoders of Windows encodings replace what they do not know.
  let hasReplacementByte: Bool
  /// Whether a space may stand for a lost byte 0xA0; in Mac Roman an en dash and a space would look like that.
  let mayHaveLostA0: Bool

  /// - Parameter upperHalf: what the bytes from 0x80 stand for.
  private init(
    _ upperHalf: some Sequence<Unicode.Scalar>, hasReplacementByte: Bool = false, mayHaveLostA0: Bool = true
  ) {
    var characters = (UInt8(0)..<0x80).map { Unicode.Scalar($0) } + upperHalf
    if hasReplacementByte { characters[0x1A] = "\u{FFFD}" }
    precondition(characters.count == 256)
    self.characters = characters
    bytes = Dictionary(uniqueKeysWithValues: zip(characters, UInt8.min...UInt8.max))
    self.hasReplacementByte = hasReplacementByte
    self.mayHaveLostA0 = mayHaveLostA0
  }

  /// The text's bytes, or nil where the encoding lacks one of its characters.
  func encode(_ text: [Unicode.Scalar]) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for character in text {
      guard let byte = bytes[character] else { return nil }
      result.append(byte)
    }
    return result
  }

  static let latin1 = SingleByteEncoding((UInt8(0x80)...0xFF).map { Unicode.Scalar($0) })
  static let windows1252 = windows(windows1252UpperHalf)
  /// The Western, Central European, Greek, Turkish, Baltic and Cyrillic ones, whose punctuation lies where UTF-8 has its
  /// continuation bytes.
  static let latin1AndWindows =
    [latin1, windows1252]
    + [
      windows1251UpperHalf, windows1250UpperHalf, windows1253UpperHalf, windows1254UpperHalf,
      windows1257UpperHalf,
    ].map(windows)
  /// Every encoding that is tried, the most likely first.
  static let all =
    latin1AndWindows + [
      SingleByteEncoding(latin2UpperHalf.unicodeScalars),
      SingleByteEncoding(macRomanUpperHalf.unicodeScalars, mayHaveLostA0: false),
      SingleByteEncoding(codePage437UpperHalf.unicodeScalars),
    ]

  private static func windows(_ upperHalf: String) -> SingleByteEncoding {
    SingleByteEncoding(upperHalf.unicodeScalars, hasReplacementByte: true)
  }
}
