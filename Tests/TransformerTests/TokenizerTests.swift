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

  /// `random`: words, scripts, emoji, references, wrongly decoded text, control characters, over-long texts.
  /// `characters`: every assigned character, so that another Unicode version on either side is noticed.
  @Test(
    .enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"),
    arguments: [["random", "10000", "1"], ["characters"]])
  func `tokens are open_clip's`(_ arguments: [String]) throws {
    let samples = try JSONDecoder().decode(
      Samples.self, from: try Oracle.run("open_clip_texts", arguments, python: Oracle.openCLIPPython))
    let tokenizer = try Tokenizer(merges: samples.merges)
    #expect(samples.texts.count >= 4000)
    var wrong: [String] = []
    for sample in samples.texts {
      if tokenizer.encode(sample.text) != sample.tokens
        || tokenizer.tokens(sample.text, contextLength: 77) != sample.row
      {
        wrong.append(sample.text)
      }
    }
    #expect(
      wrong.isEmpty, "\(wrong.count) of \(samples.texts.count): \(wrong.prefix(3).map(\.debugDescription))")
  }
}
