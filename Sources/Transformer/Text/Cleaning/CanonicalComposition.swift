import Foundation

/// Unicode's normalisation form C, with the characters that Python knows.
///
/// The algorithm (Unicode Standard Annex 15) stands here because Swift 6.3's own gives wrong results in odd places: it
/// leaves marks that are two marks in one out of order, joins no final consonant to a Hangul syllable, composes Hangul one
/// code point beyond its range, and takes U+E01A1 for U+01A1. What it says of single characters is right, and so is what
/// it composes where decomposition confirms it.
enum CanonicalComposition {
  static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    // Nothing below U+0300 changes where nothing above follows.
    guard text.contains(where: { $0.value >= 0x300 }) else { return text }
    return composing(ordered(text.flatMap(decomposed)))
  }

  private static func decomposed(_ character: Unicode.Scalar) -> [Unicode.Scalar] {
    guard character.value >= 0xC0, character.isKnownToPython else { return [character] }
    return Array(String(character).decomposedStringWithCanonicalMapping.unicodeScalars)
  }

  /// Brings every run of marks into the order of their classes; marks of one class keep theirs.
  private static func ordered(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var text = text
    var start = 0
    while start < text.count {
      let end = text[start...].firstIndex { combiningClass($0) == 0 } ?? text.count
      if end - start > 1 {
        let marks = text[start..<end].enumerated().sorted {
          (combiningClass($0.element), $0.offset) < (combiningClass($1.element), $1.offset)
        }
        text.replaceSubrange(start..<end, with: marks.map(\.element))
      }
      start = end + 1
    }
    return text
  }

  /// Joins each character with the last starter where nothing between them is in the way.
  private static func composing(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var starter: Int?
    /// Class of the last character that was kept behind the starter.
    var lastClass: UInt8 = 0
    for character in text {
      let itsClass = combiningClass(character)
      if let starter, starter == result.count - 1 || lastClass < itsClass,
        let joined = joined(result[starter], character)
      {
        result[starter] = joined
        continue
      }
      result.append(character)
      if itsClass == 0 { starter = result.count - 1 }
      lastClass = itsClass
    }
    return result
  }

  private static func joined(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    guard second.mayJoin, first.isKnownToPython, second.isKnownToPython else { return nil }
    let pair = decomposed(first) + [second]
    let composed = String(String.UnicodeScalarView(pair)).precomposedStringWithCanonicalMapping.unicodeScalars
    guard composed.count == 1, let joined = composed.first, decomposed(joined) == pair else { return nil }
    return joined
  }

  private static func combiningClass(_ character: Unicode.Scalar) -> UInt8 {
    character.value < 0x300 || !character.isKnownToPython
      ? 0 : character.properties.canonicalCombiningClass.rawValue
  }
}

extension Unicode.Scalar {
  /// Whether the character is of a kind that joins others before it: marks, and Hangul vowels and final consonants.
  fileprivate var mayJoin: Bool {
    switch value {
    case ..<0x300: false
    case 0x1161...0x11C2: true
    default: [.nonspacingMark, .spacingMark].contains(properties.generalCategory)
    }
  }
}
