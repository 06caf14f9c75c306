public import Foundation
public import Inspection
public import PromptLearning
import Transformer

extension RecipeConfiguration {
  /// What an enrolment is busy with.
  public enum EnrolmentStage: Sendable, Equatable {
    /// Encoding references and, where they are too many, choosing those to keep.
    case building(EnrolmentProgress)
    /// Scoring each reference against the others.
    case calibrating(done: Int, of: Int)
    /// Learning prompts.
    case learning(PromptAD.Progress)
  }

  /// How a new version's prompts are made, where the model has a text tower.
  public enum Prompting: Sendable {
    /// The words as they are written; none where the recipe has no words.
    case written
    /// Learned from the references: PromptAD.
    case learned(LearningOptions)
  }

  /// The product's name and the operator's words.
  var words: PromptRecipe { PromptRecipe(product: product, normal: normal, defects: defects) }
  var hasWords: Bool { !normal.isEmpty || !defects.isEmpty }

  /// The words as they are written, as prototypes; nil where the model has no text tower.
  func guidance(
    engine: InspectionEngine, temperature: LearningOptions.Temperature
  ) throws -> TextGuidance? {
    try PromptWriter(engine: engine)?.ensemble(words, temperature: temperature)
  }

  /// Builds a bank from pictures of good parts, makes the prompts, calibrates both on the pictures, and writes all as a new
  /// version.
  ///
  /// - Parameters:
  ///   - references: cut to the line's region of interest.
  ///   - folder: the recipe's versions, `StationPaths.versions(of:)`.
  ///   - progress: called after each step; what it throws ends the work, and nothing is left on disk.
  /// - Throws: `InspectionError`, or what `progress` throws.
  public func enrol(
    _ references: [Reference], engine: InspectionEngine, in folder: URL, prompting: Prompting = .written,
    progress: (EnrolmentStage) throws -> Void = { _ in }
  ) throws -> RecipeVersion {
    let bank = try MemoryBank.build(
      references: references, encoder: engine.encoder, options: scoring, limit: bankVectors
    ) { try progress(.building($0)) }
    let prompts = try prompts(prompting, references, engine: engine, progress: progress)
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: engine.encoder, search: engine.search,
      guidance: prompts?.guidance, falseAlarmRate: decision.falseAlarmRate
    ) { try progress(.calibrating(done: $0, of: $1)) }
    return try RecipeVersion.create(
      in: folder, bank: bank, references: references, calibration: calibration, prompts: prompts)
  }

  private func prompts(
    _ prompting: Prompting, _ references: [Reference], engine: InspectionEngine,
    progress: (EnrolmentStage) throws -> Void
  ) throws -> (guidance: TextGuidance, recipe: PromptRecipe)? {
    switch prompting {
    case .written:
      guard hasWords, let guidance = try guidance(engine: engine, temperature: .logit) else { return nil }
      return (guidance, words)
    case .learned(let options):
      guard let writer = try PromptWriter(engine: engine) else {
        throw InspectionError.options(
          "This model has no text tower to learn prompts with: import a CLIP checkpoint with both towers, or use "
            + "`assayctl enrol`, for which `defects` are only names.")
      }
      let features = try TextGuidance.features(
        of: references, encoder: engine.encoder, options: scoring)
      let guidance = try writer.learn(words, features: features, options: options) {
        try progress(.learning($0))
      }
      return (
        guidance,
        try PromptRecipe(product: product, normal: normal, defects: defects, learning: options)
      )
    }
  }
}
