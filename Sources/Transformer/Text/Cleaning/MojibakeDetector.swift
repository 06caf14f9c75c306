/// Finds neighbours that hardly occur in any language, but often where UTF-8 was decoded as something else.
///
/// Classes and rules are those of ftfy 6.3.1 (`ftfy.badness`), which were tuned on real text.
struct MojibakeDetector: Sendable {
  /// A set of classes of characters, one bit each.
  private typealias Classes = UInt64

  private let classes: [Unicode.Scalar: Classes]
  /// What must follow one another, each a set of classes that will do.
  private let rules: [[Classes]]
  private let rulesAtStart: [[Classes]]
  /// What some rule starts with.
  private let firstClasses: Classes

  // Classes that no table lists.
  private static let notNewline: Classes = 1 << 63
  private static let space: Classes = 1 << 62
  private static let word: Classes = 1 << 61
  private static let notBasicLetter: Classes = 1 << 60

  static let shared = MojibakeDetector()

  /// Whether some of the text looks wrongly decoded.
  func finds(in text: [Unicode.Scalar]) -> Bool {
    let text = text.map(classes(of:))
    func follows(_ rule: [Classes], at start: Int) -> Bool {
      guard text.count - start >= rule.count else { return false }
      for (offset, classes) in rule.enumerated() where text[start + offset] & classes == 0 { return false }
      return true
    }
    if rulesAtStart.contains(where: { follows($0, at: 0) }) { return true }
    for (start, classes) in text.enumerated() where classes & firstClasses != 0 {
      for rule in rules where classes & rule[0] != 0 && follows(rule, at: start) { return true }
    }
    return false
  }

  private func classes(of character: Unicode.Scalar) -> Classes {
    var result = classes[character] ?? 0
    if character != "\n" { result |= Self.notNewline }
    if character.isPythonSpace { result |= Self.space }
    if character.isPythonWordCharacter { result |= Self.word }
    switch character {
    case "a"..."z", "A"..."Z": break
    default: result |= Self.notBasicLetter
    }
    return result
  }

  private init() {
    var table: [Unicode.Scalar: Classes] = [:]
    var next: Classes = 1
    /// A new class of these characters, with ranges written as two characters and a hyphen between them.
    func characters(_ members: String) -> Classes {
      let members = Array(members.unicodeScalars)
      var index = 0
      while index < members.count {
        let isRange = index + 2 < members.count && members[index + 1] == "-"
        let last = isRange ? members[index + 2] : members[index]
        for value in members[index].value...last.value {
          if let member = Unicode.Scalar(value) { table[member, default: 0] |= next }
        }
        index += isRange ? 3 : 1
      }
      defer { next <<= 1 }
      return next
    }

    let control = characters("\u{80}-\u{9F}")
    let common = characters("\u{A0}\u{AD}·´–—―…’")
    let bad = characters("¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\u{FFFD}ªº")
    let law = characters("¶§")
    let currency = characters("¢£¥₧€")
    let opening = characters("¡«¿©΄΅‘‚“„•‹\u{F8FF}")
    let closing = characters("®»˝”›™")
    let numeric = characters("²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№")
    let face = characters("Ò-ÖÙ-Üò-öø-üŐŌŪŲ°")
    let upper = characters("À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ")
    let lower = characters("ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ")
    let commonUpper = characters("ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я")
    let commonLower = characters("α-ωάέήίΰа-џ")
    let box = characters("│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓")
    let basicLetter = characters("a-zA-Z")
    let basicLower = characters("a-z")
    let blank = characters(" ")
    let tildeOrCircumflexA = characters("ÃÂ")
    let arabicLead = characters("ØÙ")
    let arabicRest = common | currency | bad | numeric | opening | characters("ŸŠ®°µ»")
    let cyrillicLead = characters("ВГРС")
    let greekLead = characters("ΒΓΞΟ")
    let clue = control | bad | opening | closing | currency
    let symbols = box | opening | closing | currency | numeric | law
    /// One class for each character.
    func literally(_ text: String) -> [Classes] { text.unicodeScalars.map { characters(String($0)) } }

    rules =
      [
        [control],
        [bad | lower | upper | symbols, bad],
        [basicLetter, commonLower | commonUpper, bad],
        [bad, lower | upper | symbols],
        [lower | commonLower | box | closing | currency | numeric, upper],
        [box | closing | currency | numeric, lower],
        [lower | box | closing, currency],
        [Self.space, upper, currency],
        [upper | box, numeric | law],
        [lower | upper | box | currency | closing, opening, numeric],
        [lower | upper | currency | numeric | box | law, closing, opening],
        [currency | numeric | box, opening],
        [basicLower, upper, opening | currency],
        [box, face],
        [lower | upper | currency | numeric | opening | closing | law, box],
        [box, closing],
        [lower | upper, opening | closing, Self.word],
        [characters("Œœ"), Self.notBasicLetter],
        [upper, characters("°")],
        [characters("ÂÃÎÐ"), opening | closing | characters("€œŠš¢£Ÿž\u{A0}\u{AD}®©°·»–—´")],
        [characters("×"), characters("²³")],
        [arabicLead, arabicRest, arabicLead, arabicRest],
        [characters("à"), characters("²µ¹¼½¾")],
        // UTF-8 read as Mac Roman
        [characters("√"), characters("±∂†≠®™´≤≥¥µø")],
        [characters("≈"), characters("°¢")],
        [characters("‚"), characters("Ä"), characters("ìîïòôúùû†°¢π")],
        [characters("‚"), characters("âó"), characters("àä°ê")],
        // UTF-8 read as Windows-1251
        literally("вЂ"),
        [cyrillicLead, clue | characters("°µ"), cyrillicLead],
        literally("ГўВЂВ") + [Self.notNewline, basicLetter | blank],
        // UTF-8 of U+00A0, U+00E0 and U+00E1 read as Windows-1252, where a space may have become a simple one
        [characters("Ã"), characters("\u{A0}¡")],
        [basicLower, tildeOrCircumflexA, blank],
        [basicLower, Self.space, tildeOrCircumflexA, blank],
        [basicLower | closing | characters(".,?!"), characters("Â"), blank | opening | closing],
        // UTF-8 read as Windows-1253
        literally("β€") + [characters("™\u{A0}Ά\u{AD}®°")],
        [greekLead, clue | characters("°"), greekLead],
        // UTF-8 read as Windows-1257
        literally("ā€"),
      ]
    rulesAtStart = [[tildeOrCircumflexA, blank]]
    precondition(next < Self.notBasicLetter)
    classes = table
    firstClasses = rules.reduce(0) { $0 | $1[0] }
  }
}
