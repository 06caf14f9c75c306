/// Byte sequences of fixed lengths, each position a set of bytes; where several match, the first counts.
struct ByteRules: Sendable {
  private let rules: [[Set<UInt8>]]

  /// UTF-8 with a space in place of 0xA0, where what it stands for is likelier than the letters that it looks like.
  static let withoutA0: ByteRules = {
    let space: Set<UInt8> = [0x20]
    let continuation = Set<UInt8>(0x80...0xBF)
    // A continuation of which nothing else became a space or an ellipsis.
    let plain = continuation.subtracting([0x85, 0xA0])
    return ByteRules(rules: [
      [[0xC2, 0xC3, 0xC5, 0xCE, 0xD0, 0xD9], space],
      [[0xE2, 0xE3], space, plain],
      [Set(0xE0...0xE3), plain, space],
      [[0xF0], space, continuation, continuation],
      [[0xF0], continuation, space, continuation],
      [[0xF0], continuation, continuation, space],
    ])
  }()

  /// UTF-8, or CESU-8, in which 0x1A or a question mark stands for a byte that was lost.
  static let incomplete: ByteRules = {
    let lost: Set<UInt8> = [0x1A, 0x3F]
    let continuation = Set<UInt8>(0x80...0xBF).union([0x1A])
    let (high, low): (Set<UInt8>, Set<UInt8>) = (Set(0xA0...0xAF), Set(0xB0...0xBF))
    let (three, four): (Set<UInt8>, Set<UInt8>) = (Set(0xE0...0xEF), Set(0xF0...0xF4))
    return ByteRules(rules: [
      [Set(0xC2...0xDF), [0x1A]],
      [[0xC2, 0xC3], [0x3F]],
      [[0xED], high, lost, [0xED], low, continuation.union(lost)],
      [[0xED], high, continuation.union(lost), [0xED], low, lost],
      [three, lost, continuation],
      [three, continuation, lost],
      [four, lost, continuation, continuation],
      [four, continuation, lost, continuation],
      [four, continuation, continuation, lost],
      [[0x1A]],
    ])
  }()

  func findsMatch(in bytes: [UInt8]) -> Bool { bytes.indices.contains { matchLength(bytes, at: $0) != nil } }

  /// Replaces every match from left to right; matches do not overlap.
  func replacingMatches(in bytes: [UInt8], with replacement: (ArraySlice<UInt8>) -> [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if let length = matchLength(bytes, at: index) {
        result += replacement(bytes[index..<(index + length)])
        index += length
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }

  private func matchLength(_ bytes: [UInt8], at start: Int) -> Int? {
    rules.first { rule in
      rule.count <= bytes.count - start && rule.indices.allSatisfy { rule[$0].contains(bytes[start + $0]) }
    }?.count
  }
}
