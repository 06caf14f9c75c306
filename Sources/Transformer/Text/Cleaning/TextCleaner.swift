/// What open_clip does to text before it splits it.
enum TextCleaner {
  /// Repaired, references of HTML resolved twice, every run of white space one space and none at the ends, lower case.
  static func cleaned(_ text: String) -> [Unicode.Scalar] {
    var characters = TextRepair.repaired(Array(text.unicodeScalars))
    for _ in 0..<2 { characters = HTMLReferences.resolved(characters) }
    let words = characters.split(whereSeparator: \.isPythonSpace)
    return lowercased(Array(words.joined(separator: [" "])))
  }

  /// `str.lower`.
  private static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    text.indices.flatMap { index -> [Unicode.Scalar] in
      let character = text[index]
      if character.isASCII { return [character.lowercasedASCII] }
      guard character.isKnownToPython else { return [character] }
      if character == "Σ" { return [isFinalSigma(text, index) ? "ς" : "σ"] }
      return Array(character.properties.lowercaseMapping.unicodeScalars)
    }
  }

  /// Whether a capital sigma ends a word: a cased letter before it, none behind it, marks and apostrophes left aside.
  private static func isFinalSigma(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
    func isCased(_ neighbours: some Sequence<Unicode.Scalar>) -> Bool {
      let next = neighbours.first { !($0.isKnownToPython && $0.properties.isCaseIgnorable) }
      return next.map { $0.isKnownToPython && $0.properties.isCased } ?? false
    }
    return isCased(text[..<index].reversed()) && !isCased(text[(index + 1)...])
  }
}

extension Unicode.Scalar {
  /// The lower-case letter of a capital from A to Z; any other character as it is.
  fileprivate var lowercasedASCII: Unicode.Scalar {
    "A"..."Z" ~= self ? Unicode.Scalar(UInt8(truncatingIfNeeded: value) + 32) : self
  }
}
