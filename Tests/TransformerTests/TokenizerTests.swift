import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct TokenizerTests {
  /// A text and what open_clip makes of it.
  struct Sample: Decodable {
    let text: String
    let tokens: [Int32]
    let row: [Int32]
  }

  /// What the oracle prints.
  struct Samples: Decodable {
    let merges: [String]
    let texts: [Sample]
  }

  /// Ten thousand odd texts, and every assigned character, so that another Unicode version on either side is noticed.
  @Test(.enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"))
  func `tokens are open_clip's`() throws {
    let samples = try JSONDecoder().decode(
      Samples.self, from: try Oracle.run("open_clip_texts", ["10000", "1"], python: Oracle.openCLIPPython))
    let tokenizer = try Tokenizer(merges: samples.merges)
    #expect(samples.texts.count >= 14_000)
    var wrong: [String] = []
    for (index, sample) in samples.texts.enumerated() {
      // A row is another pass over the text: only where it is cut, and some others.
      let compareRow = sample.tokens.count > 75 || index % 50 == 0
      if tokenizer.encode(sample.text) != sample.tokens
        || compareRow && tokenizer.tokens(sample.text, contextLength: 77) != sample.row
      {
        wrong.append(sample.text)
      }
    }
    #expect(
      wrong.isEmpty, "\(wrong.count) of \(samples.texts.count): \(wrong.prefix(3).map(\.debugDescription))")
  }
}
