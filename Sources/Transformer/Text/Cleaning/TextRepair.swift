import Foundation

/// What ftfy 6.3.1 does to text by default (`ftfy.fix_text`): wrong decoding, references of HTML, ligatures, widths, quotes,
/// line breaks, control characters and normalisation.
enum TextRepair {
  /// Longest piece repaired as one.
  private static let segmentLimit = 1_000_000

  /// Repairs line by line. From the first line with a `<` on, the text counts as HTML and keeps its references.
  static func repaired(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var isHTML = false
    var start = 0
    while start < text.count {
      let newline = text[start...].firstIndex(of: "\n") ?? text.count - 1
      let end = min(newline + 1, start + segmentLimit)
      let segment = Array(text[start..<end])
      isHTML = isHTML || segment.contains("<")
      result += repairedSegment(segment, isHTML: isHTML)
      start = end
    }
    return result
  }

  private static func repairedSegment(_ segment: [Unicode.Scalar], isHTML: Bool) -> [Unicode.Scalar] {
    var text = segment
    while true {
      let before = text
      if !isHTML { text = HTMLReferences.resolvedWithSemicolon(text) }
      text = EncodingRepair.repaired(text).flatMap { plain($0.asWindows1252) }
      text = withPlainLineBreaks(text)
      text = withoutTerminalEscapes(text)
      text.removeAll(where: isStrayControl)
      text = CanonicalComposition.composed(text)
      if text == before { return text }
    }
  }

  /// Letters for ligatures and Latin digraphs, full letters for half-width and full-width ones, straight quotes.
  private static func plain(_ character: Unicode.Scalar) -> [Unicode.Scalar] {
    guard character.value > 0x7F else { return [character] }
    if let letters = ligatures[character] { return letters.flatMap(plain) }
    switch character {
    case "\u{3000}": return [" "]
    case "\u{FF01}"..."\u{FFEF}":
      return Array(String(character).precomposedStringWithCompatibilityMapping.unicodeScalars)
    case "\u{2BC}", "\u{2018}"..."\u{201B}": return ["'"]
    case "\u{201C}"..."\u{201F}": return ["\""]
    default: return [character]
    }
  }

  private static let ligatures: [Unicode.Scalar: [Unicode.Scalar]] = [
    "Ĳ": "IJ", "ĳ": "ij", "ŉ": "ʼn", "Ǳ": "DZ", "ǲ": "Dz", "ǳ": "dz", "Ǆ": "DŽ", "ǅ": "Dž", "ǆ": "dž",
    "Ǉ": "LJ",
    "ǈ": "Lj", "ǉ": "lj", "Ǌ": "NJ", "ǋ": "Nj", "ǌ": "nj", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ﬅ": "ſt", "ﬆ": "st",
  ].mapValues { Array($0.unicodeScalars) }

  private static func withPlainLineBreaks(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    for (index, character) in text.enumerated() {
      switch character {
      case "\r": if index + 1 == text.count || text[index + 1] != "\n" { result.append("\n") }
      case "\u{2028}", "\u{2029}", "\u{85}": result.append("\n")
      default: result.append(character)
      }
    }
    return result
  }

  /// Removes what sets a terminal's colours: ESC, a bracket, numbers and semicolons, a letter.
  private static func withoutTerminalEscapes(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < text.count {
      if text[index] == "\u{1B}", index + 1 < text.count, text[index + 1] == "[" {
        let end = text[(index + 2)...].firstIndex { $0 != ";" && !$0.isPythonDigit }
        if let end, text[end].isASCII, text[end].properties.isAlphabetic {
          index = end + 1
          continue
        }
      }
      result.append(text[index])
      index += 1
    }
    return result
  }

  /// Control characters without a visible effect; those that are space, and C1 controls, are none.
  private static func isStrayControl(_ character: Unicode.Scalar) -> Bool {
    switch character.value {
    case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
    default: false
    }
  }
}
