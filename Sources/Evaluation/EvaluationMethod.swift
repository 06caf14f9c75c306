import Inspection
import PromptLearning
import Transformer

/// How an evaluation makes an inspector from references. Here, and nowhere else, a method is added.
public enum EvaluationMethod: String, Sendable, Codable, CaseIterable {
  /// The memory bank: the distance of patches to those of the references.
  case bank
  /// Words as they are written, and no reference.
  case zeroShot = "zero-shot"
  /// Words as they are written beside a memory bank.
  case zeroShotBank = "zero-shot-bank"
  /// Prompts learned from the references beside a memory bank.
  case promptAD = "promptad"

  /// Whether a model with a text tower is needed. A product is then called, and its defects are, as in PromptAD's paper
  /// where it is a category of a benchmark, and scoring is PromptAD's whatever is asked for.
  public var needsText: Bool { self != .bank }

  /// Whether anything is drawn.
  public var needsReferences: Bool { self != .zeroShot }

  /// The scoring in effect.
  func scoring(_ asked: ScoringOptions, for model: ImageTowerConfiguration) -> ScoringOptions {
    needsText ? Self.publishedScoring(for: model) : asked
  }

  /// What PromptAD was published with: the model's own input size, features after the attention of blocks 4 and 9 of 12 or
  /// the corresponding ones of other depths, one view. Its sigma is 4 at 400 x 400.
  private static func publishedScoring(for model: ImageTowerConfiguration) -> ScoringOptions {
    let blocks = Set([model.depth / 3, model.depth * 3 / 4].map { max(1, $0) }).sorted()
    return ScoringOptions(
      inputWidth: model.gridColumns * model.patchSize, inputHeight: model.gridRows * model.patchSize,
      taps: blocks.map { TokenTap(block: $0, place: .attention, normalised: false) }, views: .one,
      imageScore: .maximum, smoothing: 0.01)
  }

  /// Prepares what judges the test pictures.
  ///
  /// - Parameters:
  ///   - references: good parts, as drawn; at least one where the method needs any.
  ///   - seed: of the draw; learning starts from other vectors with each.
  ///   - progress: what it throws ends the work.
  func inspector(
    for references: [Reference], of product: String, seed: UInt64, evaluation: FewShotEvaluation,
    progress: (EvaluationProgress.Stage) throws -> Void
  ) throws -> Inspector {
    let (encoder, scoring) = (evaluation.encoder, evaluation.scoring)
    let guidance = try guidance(
      for: references, of: product, seed: seed, evaluation: evaluation, progress: progress)
    if let guidance, !needsReferences {
      return try Inspector(encoder: encoder, guidance: guidance, options: scoring, limit: Self.writtenLimit)
    }
    let bank = try MemoryBank.build(
      references: references, encoder: encoder, options: scoring, limit: evaluation.options.bankLimit
    ) { try progress(.enrolling($0)) }
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: evaluation.search, guidance: guidance,
      falseAlarmRate: evaluation.options.falseAlarmRate
    ) { try progress(.calibrating(done: $0, of: $1)) }
    return try Inspector(
      encoder: encoder, bank: bank, calibration: calibration, search: evaluation.search, guidance: guidance)
  }

  /// Where words alone judge, nothing can be calibrated: abnormal is what is nearer to the abnormal prompts.
  static let writtenLimit: Float = 0.5

  private func guidance(
    for references: [Reference], of product: String, seed: UInt64, evaluation: FewShotEvaluation,
    progress: (EvaluationProgress.Stage) throws -> Void
  ) throws -> TextGuidance? {
    guard needsText else { return nil }
    guard let writer = evaluation.writer else {
      throw DataSetError(
        "Method \(rawValue) needs a CLIP model with both towers; this one has no text tower.")
    }
    let words = PublishedProducts.recipe(of: Benchmark.category(of: product)?.name ?? product)
    switch self {
    case .bank: return nil
    case .zeroShot: return try writer.ensemble(words, temperature: .exponential)
    case .zeroShotBank: return try writer.ensemble(words, temperature: .logit)
    case .promptAD:
      var options = evaluation.options.learning
      options.seed &+= seed
      let features = try TextGuidance.features(
        of: references, encoder: evaluation.encoder, options: evaluation.scoring
      ) { try progress(.enrolling(.encoding(done: $0, of: $1))) }
      return try writer.learn(words, features: features, options: options) {
        try progress(.learning(done: $0.step, of: $0.steps))
      }
    }
  }
}
