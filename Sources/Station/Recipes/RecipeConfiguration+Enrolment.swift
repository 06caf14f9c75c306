public import Foundation
public import Inspection
import Transformer

extension RecipeConfiguration {
  /// What an enrolment is busy with.
  public enum EnrolmentStage: Sendable, Equatable {
    /// Encoding references and, where they are too many, choosing those to keep.
    case building(EnrolmentProgress)
    /// Scoring each reference against the others.
    case calibrating(done: Int, of: Int)
  }

  /// Builds a bank from pictures of good parts, calibrates it on them, and writes both as a new version.
  ///
  /// - Parameters:
  ///   - references: cut to the line's region of interest.
  ///   - folder: the recipe's versions, `StationPaths.versions(of:)`.
  ///   - progress: called after each step; what it throws ends the work, and nothing is left on disk.
  /// - Throws: `InspectionError`, or what `progress` throws.
  public func enrol(
    _ references: [Reference], engine: InspectionEngine, in folder: URL,
    progress: (EnrolmentStage) throws -> Void = { _ in }
  ) throws -> RecipeVersion {
    let bank = try MemoryBank.build(
      references: references, encoder: engine.encoder, options: scoring, limit: bankVectors
    ) { try progress(.building($0)) }
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: engine.encoder, search: engine.search,
      falseAlarmRate: decision.falseAlarmRate
    ) { try progress(.calibrating(done: $0, of: $1)) }
    return try RecipeVersion.create(in: folder, bank: bank, references: references, calibration: calibration)
  }
}
