public import Foundation
import Transformer

/// One version of what a recipe learned from its references, as it lies on disk: memory bank, calibration, and the
/// references themselves, so that the bank can be made again with another model.
///
/// ```
/// <recipe>/0001/manifest.json       what this is, how it was made, hashes
///               bank.safetensors    vectors (F32), origins (I32)
///               calibration.json    only where it was calibrated
///               prompts.safetensors text prototypes, only where the recipe has words and the model a text tower
///               references/000.png  as enrolled
/// ```
/// A version is written once, whole or not at all, and never changed; another calibration is another version.
public struct RecipeVersion: Sendable {
  public let folder: URL
  public let manifest: Manifest
  public let bank: MemoryBank
  public let calibration: Calibration?
  /// What the recipe's words add to the bank; the calibration was made with it.
  public let guidance: TextGuidance?

  /// `manifest.json`.
  public struct Manifest: Sendable, Codable, Equatable {
    public static let currentSchema = "assayd.recipe-version/1"

    public struct ReferenceEntry: Sendable, Codable, Equatable {
      /// As it was called when it was enrolled.
      public var name: String
      /// The file in the version's folder.
      public var file: String
      /// SHA-256 of that file, lower-case hexadecimal.
      public var sha256: String
    }

    public var schema: String
    /// Counted from 1 within the recipe.
    public var version: Int
    /// ISO 8601, UTC.
    public var created: String
    /// `MemoryBank.hash`.
    public var bankHash: String
    public var modelHash: String
    public var options: ScoringOptions
    public var gridRows: Int
    public var gridColumns: Int
    /// Vectors in the bank and the channels of each.
    public var vectors: Int
    public var width: Int
    /// How the bank was reduced; absent where it is complete.
    public var coreset: MemoryBank.Coreset?
    public var references: [ReferenceEntry]
    /// How the references look as pictures; absent in versions of before this was recorded.
    public var pictures: ReferenceStatistics?
    /// SHA-256 of `calibration.json`; absent where there is none.
    public var calibrationSHA256: String?
    /// Absent where there are no prompts.
    public var prompts: PromptsEntry?

    /// `prompts.safetensors`, and what it takes to make it again.
    public struct PromptsEntry: Sendable, Codable, Equatable {
      /// SHA-256 of the file.
      public var sha256: String
      public var origin: TextGuidance.Origin
      public var fusion: ScoreFusion
      /// The words and, where prompts were learned, the options and the seed they were learned with.
      public var recipe: PromptRecipe

      private enum CodingKeys: String, CodingKey {
        case sha256
        case origin
        case fusion
        case recipe
      }
    }

    private enum CodingKeys: String, CodingKey {
      case schema
      case version
      case created
      case bankHash = "bank_hash"
      case modelHash = "model_hash"
      case options
      case gridRows = "grid_rows"
      case gridColumns = "grid_columns"
      case vectors
      case width
      case coreset
      case references
      case pictures
      case calibrationSHA256 = "calibration_sha256"
      case prompts
    }
  }

  enum File {
    static let manifest = "manifest.json"
    static let bank = "bank.safetensors"
    static let calibration = "calibration.json"
    static let prompts = "prompts.safetensors"
    static let references = "references"
  }

  /// The folders of a recipe's versions, oldest first; empty where there is none.
  public static func all(in recipe: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: recipe.path)) ?? []
    return names.compactMap { name in number(of: name).map { ($0, name) } }
      .sorted { $0.0 < $1.0 }
      .map { recipe.appending(path: $0.1) }
  }

  /// The folder of a recipe's newest version.
  public static func latest(in recipe: URL) -> URL? { all(in: recipe).last }

  /// `0001` is 1; nil for every name that is not a version's.
  static func number(of name: String) -> Int? {
    guard name.count >= 4, name.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(name), number > 0
    else { return nil }
    return number
  }

  static func name(of number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
