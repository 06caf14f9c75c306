/// Character references of HTML: `&amp;`, `&#233;`, `&#xe9;`.
enum HTMLReferences {
  private struct Name {
    let value: [Unicode.Scalar]
    let countsWithoutSemicolon: Bool
  }

  private static let names: [String: Name] = {
    var names: [String: Name] = [:]
    for entry in standardNames.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      let parts = entry.split(separator: "=")
      let isStarred = parts[0].hasSuffix("*")
      names[String(isStarred ? parts[0].dropLast() : parts[0])] = Name(
        value: parts[1].split(separator: "+").compactMap {
          UInt32($0, radix: 16).flatMap(Unicode.Scalar.init)
        },
        countsWithoutSemicolon: isStarred)
    }
    return names
  }()

  /// Resolves references as a browser does: also numbers, and some names, without a semicolon, and names that begin a
  /// longer word.
  static func resolved(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    replacing(text) { text, start in
      guard start < text.count else { return nil }
      return text[start] == "#" ? number(text, start + 1) : name(text, start)
    }
  }

  /// Resolves only references that end in a semicolon, and names in capitals where that is not ambiguous.
  static func resolvedWithSemicolon(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    replacing(text) { text, start in
      let isNumber = start < text.count && text[start] == "#"
      let first = start + (isNumber ? 1 : 0)
      var end = first
      while end < text.count, text[end].isASCIIAlphanumeric { end += 1 }
      guard 1...24 ~= end - first, end < text.count, text[end] == ";" else { return nil }
      let whole = Array(text[(start - 1)...end])
      if isNumber {
        let value = resolved(whole)
        return (value.contains(";") ? whole : value, end + 1)
      }
      let spelling = String(String.UnicodeScalarView(text[first..<end]))
      if let name = names[spelling] { return (name.value, end + 1) }
      if spelling == spelling.uppercased(), let name = names[spelling.lowercased()], resolved(whole) == whole
      {
        return (name.value.flatMap(\.pythonUppercased), end + 1)
      }
      return (whole, end + 1)
    }
  }

  /// Replaces what `reference` finds behind each ampersand by its value; the search goes on at the end it gives.
  private static func replacing(
    _ text: [Unicode.Scalar],
    _ reference: (_ text: [Unicode.Scalar], _ start: Int) -> (value: [Unicode.Scalar], end: Int)?
  ) -> [Unicode.Scalar] {
    guard text.contains("&") else { return text }
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < text.count {
      if text[index] == "&", let (value, end) = reference(text, index + 1) {
        result += value
        index = end
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }

  private static func number(
    _ text: [Unicode.Scalar], _ start: Int
  ) -> (value: [Unicode.Scalar], end: Int)? {
    let isHexadecimal = start < text.count && (text[start] == "x" || text[start] == "X")
    let first = start + (isHexadecimal ? 1 : 0)
    var (end, number) = (first, 0)
    while end < text.count, text[end].isASCII,
      let digit = Character(text[end]).hexDigitValue, isHexadecimal || digit < 10
    {
      number = min(number * (isHexadecimal ? 16 : 10) + digit, 0x110000)
      end += 1
    }
    guard end > first else { return nil }
    if end < text.count, text[end] == ";" { end += 1 }
    return (character(number), end)
  }

  /// What the number of a reference stands for.
  private static func character(_ number: Int) -> [Unicode.Scalar] {
    switch number {
    case 0: ["\u{FFFD}"]
    case 0x80...0x9F: [SingleByteEncoding.windows1252.characters[number]]
    case 1...8, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: []
    case _ where number & 0xFFFE == 0xFFFE && number < 0x110000: []
    default: [Unicode.Scalar(UInt32(number)) ?? "\u{FFFD}"]
    }
  }

  private static func name(
    _ text: [Unicode.Scalar], _ start: Int
  ) -> (value: [Unicode.Scalar], end: Int)? {
    var end = start
    while end < text.count, end - start < 32, !"\t\n\u{C} <&#;".unicodeScalars.contains(text[end]) {
      end += 1
    }
    guard end > start else { return nil }
    let hasSemicolon = end < text.count && text[end] == ";"
    // Names are ASCII; strings compare by canonical equivalence, under which other letters would pass for theirs.
    let spelling = text[start..<end].prefix { $0.isASCII }.map { Character($0) }
    if spelling.count == end - start, let name = names[String(spelling)],
      hasSemicolon || name.countsWithoutSemicolon
    {
      return (name.value, end + (hasSemicolon ? 1 : 0))
    }
    for length in stride(from: spelling.count, to: 1, by: -1) {
      if let name = names[String(spelling[..<length])], name.countsWithoutSemicolon {
        return (name.value, start + length)
      }
    }
    return (["&"] + text[start..<end], end)
  }
}

extension Unicode.Scalar {
  fileprivate var isASCIIAlphanumeric: Bool {
    switch self {
    case "0"..."9", "A"..."Z", "a"..."z": true
    default: false
    }
  }
}
