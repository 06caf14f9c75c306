import Compute
import Inspection
import PromptLearning
import Testing
import Transformer

@Suite struct PromptWriterTests {
  private static func writer() throws -> (PromptWriter, RandomText) {
    let text = try RandomText(contextLength: 40)
    return (
      try PromptWriter(
        model: text.model, path: KernelPath.available[0], pool: ThreadPool(threads: 2)), text
    )
  }

  @Test func `written words become unit prototypes, the same each time`() throws {
    let (writer, text) = try Self.writer()
    let words = PromptRecipe(product: "#", defects: ["$", "no {}"])
    let guidance = try writer.ensemble(words, temperature: .logit)
    #expect(guidance.origin == .ensemble && guidance.prototypes.defects == ["$", "no"])
    #expect(guidance.prototypes.scale == 4.6 && guidance.prototypes.width == text.tower.embeddingWidth)
    for matrix in [guidance.prototypes.image, guidance.prototypes.pixel, guidance.prototypes.defectFeatures] {
      for row in 0..<matrix.rows {
        #expect(abs(matrix.row(row).reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
      }
    }
    #expect(try writer.ensemble(words, temperature: .logit) == guidance)
    var others = words
    others.normal = ["clean {}"]
    let other = try writer.ensemble(others, temperature: .logit).prototypes
    #expect(other.image.row(0) != guidance.prototypes.image.row(0))
    #expect(other.image.row(1) == guidance.prototypes.image.row(1))
  }

  @Test func `without words of its own a recipe has the generic names`() throws {
    let (writer, _) = try Self.writer()
    let guidance = try writer.ensemble(PromptRecipe(product: "#"), temperature: .exponential)
    #expect(guidance.prototypes.defects.count == DefectPhrase.generic.count)
    #expect(abs(guidance.prototypes.scale - 99.48) < 0.1)
  }

  @Test func `words that do not fit are refused by name`() throws {
    let (writer, _) = try Self.writer()
    let long = Array(repeating: "#", count: 30).joined(separator: " ")
    #expect(throws: PromptLearningError.self) {
      try writer.ensemble(PromptRecipe(product: long), temperature: .logit)
    }
  }

  @Test func `learned prompts are guidance too`() throws {
    let (writer, text) = try Self.writer()
    var options = LearningOptions()
    options.steps = 3
    let features = (
      images: RandomText.matrix(rows: 2, columns: text.tower.embeddingWidth, seed: 1),
      patches: RandomText.matrix(rows: 8, columns: text.tower.embeddingWidth, seed: 2)
    )
    var steps: [Int] = []
    let words = PromptRecipe(product: "#", defects: ["$"])
    let guidance = try writer.learn(words, features: features, options: options) { steps.append($0.step) }
    #expect(guidance.origin == .learned && guidance.fusion == .harmonicMean && steps == [1, 2, 3])
    #expect(guidance.prototypes.defects == ["$"])
    #expect(try writer.learn(words, features: features, options: options) == guidance)
  }
}
