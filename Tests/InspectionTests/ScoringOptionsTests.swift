import Foundation
import Testing
import Transformer

@testable import Inspection

@Suite struct ScoringOptionsTests {
  @Test func leftOutKeysHaveTheirDefaults() throws {
    let empty = try JSONDecoder().decode(ScoringOptions.self, from: Data("{}".utf8))
    #expect(empty == ScoringOptions())
    #expect(empty.inputWidth == 336 && empty.inputHeight == 336 && empty.taps == [TokenTap(block: 8)])
    #expect(empty.views == .eight && empty.imageScore == .topFraction(0.01) && empty.smoothing == 0.015)

    let some = try JSONDecoder().decode(
      ScoringOptions.self,
      from: Data(#"{"views": 4, "image_score": "maximum", "taps": [{"block": 9, "normalised": false}]}"#.utf8)
    )
    #expect(some.views == .four && some.imageScore == .maximum)
    #expect(some.taps == [TokenTap(block: 9, normalised: false)])
  }

  /// A file from before there were other taps, byte for byte.
  @Test func plainTapsAreWrittenAsEver() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(
      String(decoding: try encoder.encode([TokenTap(block: 8)]), as: UTF8.self)
        == #"[{"block":8,"normalised":true}]"#)
    let taps = [
      TokenTap(block: 4, place: .attention, normalised: false),
      TokenTap(block: 12, place: .values, projected: true), TokenTap(block: 12, classTokenOnly: true),
    ]
    #expect(try JSONDecoder().decode([TokenTap].self, from: encoder.encode(taps)) == taps)
  }

  @Test(arguments: [ImageScoreRule.maximum, .topFraction(0.02)])
  func optionsSurviveJSON(rule: ImageScoreRule) throws {
    let options = ScoringOptions(inputWidth: 448, views: .one, imageScore: rule, smoothing: 0)
    #expect(try JSONDecoder().decode(ScoringOptions.self, from: JSONEncoder().encode(options)) == options)
  }

  @Test(arguments: [#"{"views": 3}"#, #"{"image_score": "mean"}"#, #"{"input_width": "wide"}"#])
  func wrongValuesAreRefused(json: String) {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(ScoringOptions.self, from: Data(json.utf8))
    }
  }

  @Test(arguments: [
    (ScoringOptions(inputWidth: 335), "multiple of the model's patch size 14"),
    (ScoringOptions(inputHeight: 14), "between 28 and 2048"),
    (ScoringOptions(taps: []), "1 to 8 different taps"),
    (ScoringOptions(taps: [TokenTap(block: 1), TokenTap(block: 1)]), "1 to 8 different taps"),
    (ScoringOptions(taps: [TokenTap(block: 5)]), "blocks are 1 to 4"),
    (ScoringOptions(taps: [TokenTap(block: 1, projected: true)]), "no projection"),
    (ScoringOptions(taps: [TokenTap(block: 1, classTokenOnly: true)]), "no patches to score"),
    (ScoringOptions(taps: [TokenTap(block: 1)], imageScore: .topFraction(0)), "more than 0"),
    (ScoringOptions(taps: [TokenTap(block: 1)], imageScore: .topFraction(.nan)), "more than 0"),
    (ScoringOptions(taps: [TokenTap(block: 1)], smoothing: -1), "between 0.0 and 0.2"),
  ])
  func optionsOutOfRangeAreExplained(options: ScoringOptions, says: String) {
    let error = #expect(throws: InspectionError.self) {
      try options.validate(for: ColourEncoder().configuration)
    }
    #expect(error?.description.contains(says) == true)
  }

  @Test func theImageScoreIsTheMeanOfTheTop() {
    let scores = (0..<576).map { Float($0) }.shuffled()
    // round(5.76) = 6 of them: 570...575
    #expect(ImageScoreRule.topFraction(0.01).score(of: scores) == 572.5)
    #expect(ImageScoreRule.topFraction(0.0001).score(of: scores) == 575)
    #expect(ImageScoreRule.topFraction(1).score(of: scores) == 287.5)
    #expect(ImageScoreRule.maximum.score(of: scores) == 575)
  }
}
