import Compute
import Foundation
import Imaging
import TestSupport
import Testing
import Transformer

@testable import Inspection

/// Words beside a memory bank, and instead of one. The words' directions are those of pictures here, so that it is known
/// what they should find.
@Suite struct GuidedInspectionTests {
  private static let encoder = ColourEncoder(embeddingWidth: 24)
  private static let spot = PixelRect(x: 28, y: 14, width: 42, height: 42)

  /// Taps as PromptAD's, two of them.
  private static let options = ScoringOptions.small(
    taps: [
      TokenTap(block: 2, place: .attention, normalised: false),
      TokenTap(block: 3, place: .attention, normalised: false),
    ])

  /// One colour all over.
  private static func colour(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> Picture {
    Picture(width: 84, height: 70, pixels: (0..<84 * 70).flatMap { _ in [red, green, blue] })
  }

  /// The embedding of a picture as a text would have to point at it.
  private static func embedding(_ picture: Picture) throws -> Matrix {
    try encoder.encode(picture, taps: [TextGuidance.imageTap(of: encoder.configuration)]).classTokens[0]
      .l2Normalised()
  }

  private static func guidance(scale: Float = 4.6) throws -> TextGuidance {
    let normal = try embedding(Part.good(seed: 1))
    let red = try embedding(colour(250, 10, 10))
    let green = try embedding(colour(10, 250, 10))
    let both = Matrix(rows: 2, columns: 24, values: normal.values + red.values)
    return TextGuidance(
      prototypes: TextPrototypes(
        image: both, pixel: both, defects: ["green spot", "red spot"],
        defectFeatures: Matrix(rows: 2, columns: 24, values: green.values + red.values), scale: scale,
        logitScale: 4.6), origin: .learned)
  }

  private static func inspector(references count: Int = 3) throws -> Inspector {
    let references = Part.references(count)
    let bank = try MemoryBank.build(references: references, encoder: encoder, options: options)
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: .reference, guidance: try guidance(),
      falseAlarmRate: 0.05)
    return try Inspector(
      encoder: encoder, bank: bank, calibration: calibration, search: .reference, guidance: try guidance())
  }

  @Test(arguments: [1, 3]) func `a defect is found and named`(references: Int) throws {
    let inspector = try Self.inspector(references: references)
    let judgement = try inspector.judge(Part.defective(seed: 30, at: Self.spot))
    #expect(judgement.verdict == .ng)
    for seed in 20..<24 {
      let good = try #require(try inspector.judge(Part.good(seed: UInt64(seed))).score)
      #expect(good < (judgement.score ?? 0) / 2)
    }
    let region = try #require(judgement.regions.first)
    #expect(region.defect?.name == "red spot")
    #expect((region.defect?.probability ?? 0) > 0.5 && (region.defect?.probability ?? 2) <= 1)
  }

  @Test func `scores are the published fusion of both`() throws {
    let references = Part.references(3)
    let bank = try MemoryBank.build(references: references, encoder: Self.encoder, options: Self.options)
    let guidance = try Self.guidance()
    let scorer = try Scorer(encoder: Self.encoder, bank: bank, search: .reference, guidance: guidance)
    let input = Part.defective(seed: 30, at: Self.spot)
    let features = try scorer.features(of: input)
    let scores = scorer.scores(of: features)
    // Each tap has a nearest patch of its own.
    let visual = (0..<30).map { patch in
      features.visual.indices.reduce(Float(0)) { sum, tap in
        let vectors = scorer.extractor.separated(bank.vectors)[tap]
        let best = (0..<vectors.rows).map { row in
          zip(vectors.row(row), features.visual[tap].row(patch)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        }.max()
        return sum + max(0, 1 - (best ?? 0)) / 2 / 2
      }
    }
    let prompt = guidance.prototypes.patchScores(of: try #require(features.patches))
    for patch in 0..<30 {
      let expected = guidance.fusion.fused(prompt: prompt[patch], visual: visual[patch])
      #expect(abs(scores.patches.values[patch] - expected) < 1e-4)
    }
  }

  @Test func `words alone judge where nothing was enrolled`() throws {
    let inspector = try Inspector(
      encoder: Self.encoder, guidance: try Self.guidance(scale: 100), options: Self.options, limit: 0.5)
    #expect(try inspector.judge(Part.good(seed: 40)).verdict == .ok)
    let judgement = try inspector.judge(Self.colourful())
    #expect(judgement.verdict == .ng && judgement.threshold == 0.5)
    #expect(judgement.regions.first?.defect?.name == "red spot")
    #expect(inspector.calibration.explanation.joined().contains("as it was written"))
  }

  /// A part that is red nearly all over, with some noise, because one colour alone is no picture.
  private static func colourful() -> Picture {
    Part.defective(seed: 41, at: PixelRect(x: 0, y: 0, width: 84, height: 63))
  }

  @Test func `a version keeps its prompts, and refuses damaged ones`() throws {
    let folder = try TemporaryFolder()
    let references = Part.references(2)
    let bank = try MemoryBank.build(references: references, encoder: Self.encoder, options: Self.options)
    let words = PromptRecipe(product: "lid", normal: ["clean {}"], defects: ["red spot", "green spot"])
    let version = try RecipeVersion.create(
      in: folder.url, bank: bank, references: references, calibration: nil,
      prompts: (try Self.guidance(), words))
    let read = try RecipeVersion(contentsOf: version.folder)
    #expect(try read.guidance == version.guidance && read.guidance == Self.guidance())
    #expect(read.manifest == version.manifest && read.manifest.prompts?.recipe == words)
    #expect(words.says(theSameAs: PromptRecipe(product: "lid", normal: ["clean {}"], defects: words.defects)))
    let file = version.folder.appending(path: "prompts.safetensors")
    try (Data(contentsOf: file) + Data([0])).write(to: file)
    #expect(throws: InspectionError.self) { try RecipeVersion(contentsOf: version.folder) }
  }

  @Test func `prompts of another embedding are refused`() throws {
    let other = ColourEncoder(embeddingWidth: 16)
    #expect(throws: InspectionError.self) {
      try Inspector(encoder: other, guidance: try Self.guidance(), options: Self.options, limit: 0.5)
    }
    #expect(throws: InspectionError.self) {
      try Inspector(
        encoder: ColourEncoder(), guidance: try Self.guidance(), options: Self.options, limit: 0.5)
    }
  }
}
