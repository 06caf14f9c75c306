public import Foundation
import Imaging
public import Inspection
public import Messaging
import PromptLearning
import Synchronization
import Transformer

/// A recipe ready to judge with: an immutable snapshot of its configuration, one of its versions and the model.
public struct ActiveRecipe: Sendable {
  public let inspector: Inspector
  /// Name, version and hash, as results carry them.
  public let reference: RecipeReference
  /// The words that the version's prompts were made of; nil where it has none.
  let words: PromptRecipe?
  /// The threshold of the configuration, where it has one, instead of the calibrated one.
  public let fixedThreshold: Double?

  /// Puts a version to use.
  ///
  /// The false-alarm rate is the configuration's: where the version was calibrated for another one, its readings give
  /// the limit for this one.
  /// - Throws: `InspectionError` where model, version and configuration do not belong together.
  public init(
    _ configuration: RecipeConfiguration, version: RecipeVersion, engine: InspectionEngine
  ) throws(InspectionError) {
    try version.bank.check(model: engine.encoder)
    try version.bank.check(options: configuration.scoring)
    guard var calibration = version.calibration else {
      throw .calibration(
        "Version \(version.manifest.version) of recipe \(configuration.name) is not calibrated: "
          + "run `assayctl calibrate`, or enrol again.")
    }
    if calibration.falseAlarmRate != configuration.decision.falseAlarmRate {
      calibration = try Calibration(
        readings: calibration.readings, evidence: calibration.evidence,
        falseAlarmRate: configuration.decision.falseAlarmRate, bankHash: calibration.bankHash,
        bankIsReduced: calibration.bankIsReduced)
    }
    inspector = try Inspector(
      encoder: engine.encoder, bank: version.bank, calibration: calibration, search: engine.search,
      guidance: version.guidance, regions: configuration.decision.regions,
      references: version.manifest.pictures, checks: configuration.undecidable)
    reference = RecipeReference(
      id: configuration.name, version: String(version.manifest.version), hash: version.bank.hash)
    words = version.manifest.prompts?.recipe
    fixedThreshold = configuration.decision.threshold
  }

  /// Judges by the recipe's words alone, before any reference was enrolled.
  ///
  /// The limit is the configuration's threshold, or where abnormal is as likely as normal.
  public init(
    _ configuration: RecipeConfiguration, guidance: TextGuidance, engine: InspectionEngine
  ) throws(InspectionError) {
    inspector = try Inspector(
      encoder: engine.encoder, guidance: guidance, options: configuration.scoring,
      limit: Float(configuration.decision.threshold ?? 0.5), regions: configuration.decision.regions)
    reference = RecipeReference(id: configuration.name, version: nil, hash: nil)
    words = configuration.words
    fixedThreshold = nil
  }

  /// - Parameter region: the region of interest; nil judges the whole picture.
  func judge(_ picture: Picture, region: PixelRect?) throws(InspectionError) -> Judgement {
    var judgement = try inspector.judge(picture, region: region)
    if let fixedThreshold {
      judgement.threshold = Float(fixedThreshold)
      if let score = judgement.score { judgement.verdict = score > judgement.threshold ? .ng : .ok }
    }
    return judgement
  }
}

/// Whether a recipe can judge, and why it cannot.
public enum RecipeState: Sendable {
  case ready(ActiveRecipe)
  /// No references were ever enrolled.
  case notEnrolled(explanation: String)
  /// There is a version, and it must not be used. `reason` is a stable word for counters.
  case refused(reason: String, explanation: String)

  /// Reads the version the configuration names.
  public static func load(
    _ configuration: RecipeConfiguration, paths: StationPaths, engine: InspectionEngine
  ) -> RecipeState {
    let name = configuration.name
    let folder = paths.versions(of: name)
    guard let chosen = chosenVersion(configuration, paths: paths) else {
      let versions = RecipeVersion.all(in: folder)
      if case .number(let number) = configuration.version, !versions.isEmpty {
        let there = versions.compactMap { Int($0.lastPathComponent) }.map(String.init).joined(separator: ", ")
        return .refused(
          reason: "version_missing",
          explanation: "Recipe \(name) is to use version \(number), and \(folder.path) has: \(there).")
      }
      if configuration.hasWords, engine.model?.text != nil {
        return wordsAlone(configuration, engine: engine)
      }
      return .notEnrolled(
        explanation:
          "Recipe \(name) has no references yet: enrol pictures of good parts with `assayctl enrol` or "
          + "the MQTT command `enrol`.")
    }
    do {
      return .ready(
        try ActiveRecipe(configuration, version: try RecipeVersion(contentsOf: chosen), engine: engine))
    } catch {
      return .refused(reason: error.reason, explanation: "Recipe \(name): \(error)")
    }
  }
}

extension RecipeState {
  private static func wordsAlone(
    _ configuration: RecipeConfiguration, engine: InspectionEngine
  ) -> RecipeState {
    do {
      guard let guidance = try configuration.guidance(engine: engine, temperature: .exponential) else {
        throw InspectionError.options("The model has no text tower.")
      }
      return .ready(try ActiveRecipe(configuration, guidance: guidance, engine: engine))
    } catch {
      return .refused(reason: "prompts", explanation: "Recipe \(configuration.name): \(error)")
    }
  }

  /// The folder of the version that the configuration names; nil where there is none.
  private static func chosenVersion(_ configuration: RecipeConfiguration, paths: StationPaths) -> URL? {
    let versions = RecipeVersion.all(in: paths.versions(of: configuration.name))
    switch configuration.version {
    case .latest: return versions.last
    case .number(let number): return versions.first { Int($0.lastPathComponent) == number }
    }
  }

  /// Whether `load` would lead to this very state again, judged by names alone.
  func isCurrent(_ configuration: RecipeConfiguration, paths: StationPaths) -> Bool {
    let chosen = Self.chosenVersion(configuration, paths: paths)
    return switch self {
    case .ready(let active):
      chosen.flatMap { Int($0.lastPathComponent) }.map(String.init) == active.reference.version
    case .notEnrolled: chosen == nil
    case .refused: false
    }
  }

  /// What a line names as its recipe: with a version only where one is in use.
  func reference(named name: String) -> RecipeReference {
    if case .ready(let active) = self { return active.reference }
    return RecipeReference(id: name, version: nil, hash: nil)
  }
}

/// The place where a running recipe is exchanged. Lines look into it between two frames, so that a frame is judged by
/// one snapshot from beginning to end.
final class RecipeSlot: Sendable {
  let configuration: RecipeConfiguration
  private let state: Mutex<RecipeState>

  init(_ configuration: RecipeConfiguration, state: RecipeState) {
    self.configuration = configuration
    self.state = Mutex(state)
  }

  var current: RecipeState { state.withLock { $0 } }

  func exchange(for new: RecipeState) { state.withLock { $0 = new } }
}

extension DecisionConfiguration {
  var regions: RegionOptions {
    RegionOptions(minimumArea: Double(minimumRegionArea), millimetresPerPixel: millimetresPerPixel)
  }
}

extension StationPaths {
  /// The folder of a recipe's versions.
  public func versions(of recipe: String) -> URL {
    recipeVersions.appending(path: recipe, directoryHint: .isDirectory)
  }
}

extension InspectionError {
  /// A short word that never changes: the name of the counter for this kind of failure.
  var reason: String {
    switch self {
    case .options: "options_mismatch"
    case .noReferences: "no_references"
    case .flatReference: "flat_reference"
    case .modelMismatch: "model_mismatch"
    case .calibrationMismatch: "calibration_mismatch"
    case .damaged: "recipe_damaged"
    case .exists: "version_exists"
    case .regionOutside: "region_outside"
    case .system: "system"
    case .encoder: "encoder"
    case .calibration: "not_calibrated"
    }
  }
}
