import Inspection

/// How an evaluation makes an inspector from references. Here, and nowhere else, a method is added.
public enum EvaluationMethod: String, Sendable, Codable, CaseIterable {
  /// The memory bank: the distance of patches to those of the references.
  case bank

  /// Prepares what judges the test pictures.
  ///
  /// - Parameters:
  ///   - references: good parts, as drawn; at least one.
  ///   - seed: of the draw.
  ///   - progress: what it throws ends the work.
  func inspector(
    for references: [Reference], of product: String, seed: UInt64, evaluation: FewShotEvaluation,
    progress: (EvaluationProgress.Stage) throws -> Void
  ) throws -> Inspector {
    let options = evaluation.options
    switch self {
    case .bank:
      let bank = try MemoryBank.build(
        references: references, encoder: evaluation.encoder, options: options.scoring,
        limit: options.bankLimit
      ) { try progress(.enrolling($0)) }
      let calibration = try Calibration.onReferences(
        references, bank: bank, encoder: evaluation.encoder, search: evaluation.search,
        falseAlarmRate: options.falseAlarmRate
      ) { try progress(.calibrating(done: $0, of: $1)) }
      return try Inspector(
        encoder: evaluation.encoder, bank: bank, calibration: calibration, search: evaluation.search)
    }
  }
}
