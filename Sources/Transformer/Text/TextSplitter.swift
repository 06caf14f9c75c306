/// Splits cleaned text into the pieces that are encoded by themselves.
///
/// A piece is, the first that fits: a special token spelt out; one of the English endings 's 't 're 've 'm 'll 'd; a run of
/// letters; one digit or other number; a run of anything else but space. open_clip's expression disregards case, so that
/// U+0345, a mark whose capital is a letter, is neither a letter nor anything else: it is dropped.
enum TextSplitter {
  static let startOfText = "<start_of_text>"
  static let endOfText = "<end_of_text>"

  private static let literals = [startOfText, endOfText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
    .map { Array($0.unicodeScalars) }

  static func pieces(of text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
    var pieces: [ArraySlice<Unicode.Scalar>] = []
    var index = 0
    while index < text.count {
      let end = endOfPiece(text, from: index)
      // One character that no piece holds is space.
      if end > index { pieces.append(text[index..<end]) }
      index = max(end, index + 1)
    }
    return pieces
  }

  private static func endOfPiece(_ text: [Unicode.Scalar], from start: Int) -> Int {
    if let literal = literals.first(where: {
      text[start...].starts(with: $0, by: { $0.isSameLetter(as: $1) })
    }) {
      return start + literal.count
    }
    let kind = text[start].kind
    switch kind {
    case .space: return start
    case .number: return start + 1
    case .letter, .other: return text[start...].firstIndex { $0.kind != kind } ?? text.count
    }
  }
}

extension Unicode.Scalar {
  fileprivate enum Kind {
    case letter
    case number
    case space
    case other
  }

  fileprivate var kind: Kind {
    if isLetter { return .letter }
    if isNumber { return .number }
    return properties.isWhitespace || self == "\u{345}" ? .space : .other
  }

  /// Whether a character of a literal matches without regard to case; text is in lower case, where only the long s is left.
  fileprivate func isSameLetter(as literal: Unicode.Scalar) -> Bool {
    self == literal || self == "ſ" && literal == "s"
  }
}
