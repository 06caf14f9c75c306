import Compute
import Foundation
import Inspection
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

@Suite struct PromptSetTests {
  /// One id a word and one for the full stop: 100 + position in the list of words seen.
  private static let words = ["bottle", ".", "with", "damaged", "scratch", "a", "cap", "missing"]
  private static let tower = TextTowerConfiguration(
    width: 16, depth: 1, heads: 1, mlpWidth: 16, contextLength: 10, vocabularySize: 560, activation: .gelu,
    layerNormEpsilon: 1e-5)

  private static func encode(_ text: String) -> [Int32] {
    text.replacing(".", with: " .").split(separator: " ").compactMap { word in
      words.firstIndex(of: String(word)).map { Int32(100 + $0) }
    }
  }

  /// Words in the notation of the expectations below.
  private static func shown(_ prompt: [PromptToken]) -> String {
    prompt.map { token in
      switch token {
      case .vector(let index): "v\(index)"
      case .word(558): "["
      case .word(559): "]"
      case .word(let id): words[Int(id) - 100]
      }
    }.joined(separator: " ")
  }

  @Test(arguments: PromptADParity.allCases)
  func `normal, manual and learned prompts in row order`(_ parity: PromptADParity) throws {
    var options = LearningOptions(parity: parity)
    options.contextLength = 2
    options.anomalyVectors = 3
    let set = try PromptSet(
      product: "bottle", phrases: [DefectPhrase("damaged {}"), DefectPhrase("a scratch")], contexts: 2,
      options: options, tower: Self.tower, encode: Self.encode)
    let prompts = set.prompts.map(Self.shown)
    #expect(prompts[set.normal] == ["[ v0 v1 bottle . ]", "[ v2 v3 bottle . ]"])
    #expect(
      prompts[set.manual] == [
        "[ v0 v1 damaged bottle . ]", "[ v2 v3 damaged bottle . ]", "[ v0 v1 bottle with a scratch . ]",
        "[ v2 v3 bottle with a scratch . ]",
      ])
    let learned = (0..<6).map { row in
      let context = row % 2 == 0 ? "v0 v1" : "v2 v3"
      return parity == .released
        ? "[ \(context) v\(4 + row % 3) bottle . ]" : "[ \(context) bottle v\(4 + row % 3) . ]"
    }
    #expect(Array(prompts[set.learned]) == learned)
    #expect(set.vectors == 7)
  }

  @Test func `a prompt that does not fit is refused with its words`() {
    let options = LearningOptions()
    let phrase = DefectPhrase("bottle with a cap missing with a scratch")
    #expect(
      throws: PromptLearningError.promptTooLong(
        text: "bottle with bottle with a cap missing with a scratch", tokens: 17, limit: 10)
    ) {
      try PromptSet(
        product: "bottle", phrases: [phrase], contexts: 1, options: options, tower: Self.tower,
        encode: Self.encode)
    }
  }

  /// (what the operator writes, the name, the phrase)
  @Test(arguments: [
    ("scratch", "scratch", "bottle with scratch"),
    ("{} without a cap", "without a cap", "bottle without a cap"),
    ("  a  bent   shape ", "a bent shape", "bottle with a bent shape"),
    ("broken {}", "broken", "broken bottle"),
  ])
  func `an operator's words become a phrase and a name`(_ words: String, _ name: String, _ said: String) {
    #expect(DefectPhrase(words).name == name)
    #expect(DefectPhrase(words).said(of: "bottle") == said)
  }

  @Test(.enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"))
  func `the published words of a bottle are the fixture's`() throws {
    let facts = try PromptADFixture().facts
    let phrases =
      DefectPhrase.generic + PublishedProducts.recipe(of: facts.className).defects.map { DefectPhrase($0) }
    #expect(phrases.map(\.template) == facts.states)
    #expect(PublishedProducts.recipe(of: facts.className).product == "bottle")
    #expect(PublishedProducts.recipe(of: "pcb3").product == "printed circuit board")
    #expect(PublishedProducts.recipe(of: "fryum").defects.count == 6)
    #expect(PublishedProducts.recipe(of: "gearbox").defects.isEmpty)
  }
}
