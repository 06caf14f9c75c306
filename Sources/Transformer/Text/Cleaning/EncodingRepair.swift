/// Undoes UTF-8 that was decoded as something else, as ftfy 6.3.1 does (`ftfy.fix_encoding`).
enum EncodingRepair {
  /// The text as it was meant, or as it is where nothing better is found.
  static func repaired(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var text = text
    while case let better = step(text), better != text { text = better }
    return text
  }

  private static func step(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard !text.allSatisfy(\.isASCII), MojibakeDetector.shared.finds(in: text) else { return text }
    for encoding in SingleByteEncoding.all {
      guard var bytes = encoding.encode(text) else { continue }
      if encoding.mayHaveLostA0, ByteRules.withoutA0.findsMatch(in: bytes) { bytes = restoringA0(bytes) }
      if encoding.hasReplacementByte {
        bytes = ByteRules.incomplete.replacingMatches(in: bytes) { _ in [0xEF, 0xBF, 0xBD] }
      }
      if let decoded = UTF8Variants.decode(bytes) { return decoded }
    }
    let inParts = repairedInParts(text)
    if inParts != text { return inParts }
    // Latin-1's control characters are Windows-1252's punctuation.
    return text.map(\.asWindows1252)
  }

  /// Repairs what looks like UTF-8 in a text of several encodings.
  private static func repairedInParts(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < text.count {
      let end = endOfSequences(text, from: index)
      let part = Array(text[index..<max(end, index + 1)])
      // A part that is all of the text has been tried already.
      result +=
        end > index && part.count < text.count && MojibakeDetector.shared.finds(in: part)
        ? repaired(part) : part
      index += part.count
    }
    return result
  }

  /// Where the characters end that stand for UTF-8 sequences of several bytes from `start` on; `start` where none does.
  private static func endOfSequences(_ text: [Unicode.Scalar], from start: Int) -> Int {
    if start > 0, clues.innerContinuations.contains(text[start - 1]) { return start }
    var end = start
    while end < text.count {
      let length = clues.leads.first { lead, length in
        lead.contains(text[end]) && text.count - end >= length
          && text[(end + 1)..<(end + length)].allSatisfy(clues.continuations.contains)
      }?.length
      guard let length else { break }
      end += length
    }
    return end
  }

  /// Bytes that only make UTF-8 when some spaces are 0xA0 again.
  private static func restoringA0(_ bytes: [UInt8]) -> [UInt8] {
    // C3 and a space is mostly the word "à", whose own space went the same way, unless Portuguese words follow that
    // start with the letter.
    var restored: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      let rest = bytes[(index + 1)...]
      if byte == 0x20, index > 0, bytes[index - 1] == 0xC3,
        ![" ", "quele", "quela", "quilo", "s "].contains(where: { rest.starts(with: $0.utf8) })
      {
        restored.append(0xA0)
      }
      restored.append(byte)
    }
    return ByteRules.withoutA0.replacingMatches(in: restored) { $0.map { $0 == 0x20 ? 0xA0 : $0 } }
  }

  /// What bytes of UTF-8 look like in the encodings of `latin1AndWindows`.
  private static let clues = {
    func characters(_ bytes: some Sequence<UInt8>) -> Set<Unicode.Scalar> {
      Set(bytes.flatMap { byte in SingleByteEncoding.latin1AndWindows.map { $0.characters[Int(byte)] } })
    }
    let continuations = characters(0x80...0xBF)
    return (
      // Longer sequences start with more bytes, but only these stand for characters in use.
      leads: [
        (characters(0xC2...0xDF), length: 2), (characters(0xE0...0xEF), length: 3),
        (characters([0xF0, 0xF3]), length: 4),
      ],
      continuations: continuations.union([" "]),
      // Without punctuation, which also stands before a sequence in its own right.
      innerContinuations: continuations.subtracting("–—―‘’‚“”„•…".unicodeScalars)
    )
  }()
}

extension Unicode.Scalar {
  /// What a control character of Latin-1 is in Windows-1252; any other character as it is.
  var asWindows1252: Unicode.Scalar {
    0x80...0x9F ~= value ? SingleByteEncoding.windows1252.characters[Int(value)] : self
  }
}
