import Foundation
import Inspection

/// A new version of a recipe, made from the one in the folder that `POWER_CUT_RECIPE` names.
enum RecipeScenario {
  /// Says `created NUMBER`.
  static func prepare(_ folder: URL) throws -> () async throws -> Void {
    let source = ProcessInfo.processInfo.environment["POWER_CUT_RECIPE"] ?? ""
    let version = try RecipeVersion(contentsOf: URL(filePath: source, directoryHint: .isDirectory))
    let references = try version.references()
    return {
      let new = try RecipeVersion.create(
        in: folder.appending(path: "cell"), bank: version.bank, references: references,
        calibration: version.calibration)
      say("created \(new.manifest.version)")
    }
  }
}
