/// CLIP's tokeniser: cleaned text in lower case, as byte pairs merged in the order of a vocabulary.
///
/// Its tokens are those of open_clip 3.3 with ftfy 6.3.1, `regex` 2025.11 and Python 3.11; `docs/model-format.md` says what
/// was compared. Making one takes tens of milliseconds: make one and keep it.
public struct Tokenizer: Sendable {
  /// Why a list of merges is none.
  public struct VocabularyError: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Tokens before the merges: 256 bytes, and 256 bytes that end a word.
  static let byteTokens = 512
  /// Tokens behind the merges: start and end of text.
  static let specialTokens = 2
  /// Merges of the vocabulary that every CLIP was trained with.
  public static let clipMerges = 48_894
  /// Token that starts a text, with CLIP's vocabulary.
  public static let startOfText = Int32(byteTokens + clipMerges)
  /// Token that ends a text, with CLIP's vocabulary.
  public static let endOfText = startOfText + 1

  /// As the type's, with the vocabulary of this tokeniser.
  public let startOfText: Int32
  public var endOfText: Int32 { startOfText + 1 }
  /// Number of different tokens.
  public var vocabularySize: Int { Int(endOfText) + 1 }

  private struct Pair: Hashable {
    let first: Int32
    let second: Int32
  }

  /// The token that two neighbours become; the smaller the token, the earlier the merge.
  private let merges: [Pair: Int32]

  /// - Parameter merges: two symbols with a space between them, the earliest merge first, as in the lines of
  ///   `bpe_simple_vocab_16e6.txt` behind its first. Symbols are those of the bytes, with `</w>` behind the last of a word,
  ///   or merges before.
  public init(merges lines: some Sequence<some StringProtocol>) throws(VocabularyError) {
    var tokens: [[UInt8]: Int32] = [:]
    for (token, character) in Self.byteSymbols.enumerated() {
      let symbol = Array(String(character).utf8)
      tokens[symbol] = Int32(token)
      tokens[symbol + Self.wordEnd] = Int32(token + Self.byteTokens / 2)
    }
    var merges: [Pair: Int32] = [:]
    for (index, line) in lines.enumerated() {
      let symbols = String(line).utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard symbols.count == 2, let first = tokens[Array(symbols[0])], let second = tokens[Array(symbols[1])]
      else {
        throw VocabularyError(
          description:
            "Merge \(index + 1), \(String(line).quoted), is not two known symbols with a space between them.")
      }
      let token = Int32(Self.byteTokens + index)
      guard tokens.updateValue(token, forKey: Array(symbols.joined())) == nil else {
        throw VocabularyError(
          description: "Merge \(index + 1), \(String(line).quoted), makes a symbol that is there already.")
      }
      merges[Pair(first: first, second: second)] = token
    }
    self.merges = merges
    startOfText = Int32(Self.byteTokens + merges.count)
  }

  /// The tokeniser of a model with a text tower.
  ///
  /// - Throws: `ModelFileError` where the model has no text tower, its file is damaged, or its merges are no vocabulary.
  public init(model: ModelFile) throws(ModelFileError) {
    try model.checkText()
    let merges = try model.merges()
    do {
      try self.init(merges: merges)
    } catch {
      throw ModelFileError(
        .invalidValue, model.url, "Tensor \(TextTowerConfiguration.mergesName) holds no vocabulary: \(error)")
    }
  }

  /// The tokens of a text, without start and end.
  public func encode(_ text: String) -> [Int32] {
    TextSplitter.pieces(of: TextCleaner.cleaned(text)).flatMap(encode)
  }

  /// The tokens of a text from its start to its end; where they are more than `contextLength`, the text is cut.
  ///
  /// - Precondition: `contextLength` is at least 1.
  public func tokens(_ text: String, contextLength: Int) -> [Int32] {
    let tokens = [startOfText] + encode(text) + [endOfText]
    guard tokens.count > contextLength else { return tokens }
    return tokens[..<(contextLength - 1)] + [endOfText]
  }

  private func encode(_ piece: ArraySlice<Unicode.Scalar>) -> [Int32] {
    if piece.elementsEqual(TextSplitter.startOfText.unicodeScalars) { return [startOfText] }
    if piece.elementsEqual(TextSplitter.endOfText.unicodeScalars) { return [endOfText] }
    var tokens = String(String.UnicodeScalarView(piece)).utf8.map { Self.byteToken[Int($0)] }
    tokens[tokens.count - 1] += Int32(Self.byteTokens / 2)
    while let merged = zip(tokens, tokens.dropFirst()).compactMap({ merges[Pair(first: $0, second: $1)] })
      .min()
    {
      tokens = merging(tokens, into: merged)
    }
    return tokens
  }

  /// Replaces every pair, from left to right, that becomes the token.
  private func merging(_ tokens: [Int32], into merged: Int32) -> [Int32] {
    var result: [Int32] = []
    var index = 0
    while index < tokens.count {
      let isPair =
        index + 1 < tokens.count && merges[Pair(first: tokens[index], second: tokens[index + 1])] == merged
      result.append(isPair ? merged : tokens[index])
      index += isPair ? 2 : 1
    }
    return result
  }

  // MARK: Bytes

  private static let wordEnd = Array("</w>".utf8)

  /// Bytes that stand for themselves as symbols: what Latin-1 prints.
  private static let printable = [UInt8](33...126) + (161...172) + (174...255)

  /// The bytes in the order of their tokens.
  private static let bytes = printable + (0...255).filter { !printable.contains($0) }

  /// The characters that stand for the bytes in a vocabulary, in the order of their tokens: a byte that does not stand for
  /// itself has one from U+0100 on.
  private static let byteSymbols: [Unicode.Scalar] =
    printable.map { Unicode.Scalar($0) }
    + (0..<(256 - printable.count)).compactMap { Unicode.Scalar(0x100 + UInt32($0)) }

  /// The token of each byte inside a word.
  private static let byteToken: [Int32] = {
    var tokens = [Int32](repeating: 0, count: 256)
    for (token, byte) in bytes.enumerated() { tokens[Int(byte)] = Int32(token) }
    return tokens
  }()
}
