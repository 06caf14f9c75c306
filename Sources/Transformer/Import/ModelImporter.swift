public import Foundation
import Imaging

/// Makes model files of float checkpoints.
///
/// Read are safetensors files in three naming schemes: HuggingFace `Dinov2Model` (also below `dinov2.` or
/// `backbone.`), OpenAI and OpenCLIP (also below `module.`), and HuggingFace `CLIPModel`; other containers become
/// safetensors with `Scripts/convert-checkpoint`. Sizes are told by the tensors' shapes. What no shape tells is
/// taken from `Options`, and where the families agree, from the family; it is never guessed silently.
public enum ModelImporter {
  /// What is written as the tool into every file; a change of what the importer computes changes it.
  public static let tool = "assayctl model import/3"

  /// What to write, and what the shapes of a checkpoint cannot tell.
  public struct Options: Sendable {
    public var precision: ModelFile.Precision
    /// Name, source, authors and licence of the weights in words.
    public var attribution: String
    /// Which published weights these are; nil: unknown.
    public var release: CLIPRelease?
    /// What becomes of a CLIP checkpoint's text tower.
    public var text: Text
    /// Nil: heads of 64 channels, as in every released CLIP.
    public var textHeads: Int?
    /// Nil: the release's; exact GELU for DINOv2; QuickGELU for a checkpoint of OpenAI's that still carries their
    /// `input_resolution`, `context_length` and `vocab_size`; any other CLIP checkpoint needs it said.
    public var activation: ImageTowerConfiguration.Activation?
    /// Nil: heads of 64 channels, as in every released DINOv2 and CLIP.
    public var heads: Int?
    /// Rows and columns of the position grid; nil: a square.
    public var grid: (rows: Int, columns: Int)?
    /// Nil: bicubic for DINOv2, antialiased bicubic for CLIP.
    public var positionInterpolation: ImageTowerConfiguration.PositionInterpolation?
    /// For RGB scaled to 0...1; nil: the release's or the family's (ImageNet for DINOv2, OpenAI's for CLIP).
    public var mean: [Float]?
    /// As `mean`.
    public var standardDeviation: [Float]?

    /// What becomes of a text tower.
    public enum Text: Sendable, Equatable {
      /// It is left out, which a note says.
      case leaveOut
      /// It is taken, with a vocabulary: at least as many merges as it has tokens for, the lines of
      /// `bpe_simple_vocab_16e6.txt` behind the first.
      case include(merges: [String])
      /// A checkpoint with a text tower is refused.
      case undecided

      /// `include` with the merges of a file: one a line, behind a first line that may name the version.
      public static func include(vocabulary file: URL) throws(ModelFileError) -> Text {
        let data: Data
        do {
          data = try Data(contentsOf: file)
        } catch {
          throw ModelFileError(
            .unreadable, file, "The vocabulary cannot be read: \(systemReason(error)).")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
          throw ModelFileError(
            .malformed, file, "The vocabulary is not UTF-8 text; a .gz file has to be unpacked first.")
        }
        let lines = text.split(separator: "\n").map(String.init)
        return .include(merges: lines.first?.contains("#version") == true ? Array(lines.dropFirst()) : lines)
      }
    }

    public init(
      precision: ModelFile.Precision, attribution: String, release: CLIPRelease? = nil,
      text: Text = .leaveOut,
      activation: ImageTowerConfiguration.Activation? = nil, heads: Int? = nil,
      grid: (rows: Int, columns: Int)? = nil,
      positionInterpolation: ImageTowerConfiguration.PositionInterpolation? = nil, mean: [Float]? = nil,
      standardDeviation: [Float]? = nil
    ) {
      self.precision = precision
      self.attribution = attribution
      self.release = release
      self.text = text
      self.activation = activation
      self.heads = heads
      self.grid = grid
      self.positionInterpolation = positionInterpolation
      self.mean = mean
      self.standardDeviation = standardDeviation
    }
  }

  /// What an import did.
  public struct Summary: Sendable, Codable, Equatable {
    public let model: ModelSummary
    /// Sentences for the user: what was left out of the checkpoint, and what was concluded from it.
    public let notes: [String]
  }

  /// Imports a checkpoint and checks the written file by opening it.
  ///
  /// The output appears whole or not at all. The model is held in memory once while it is written.
  /// - Throws: `ModelFileError`, about the checkpoint or about the output.
  public static func importCheckpoint(
    _ source: URL, to output: URL, options: Options
  ) throws(ModelFileError) -> Summary {
    guard
      source.resolvingSymlinksInPath().standardizedFileURL
        != output.resolvingSymlinksInPath().standardizedFileURL
    else {
      throw ModelFileError(
        .option, output, "The model would replace its own checkpoint: choose another output.")
    }
    let checkpoint = try Checkpoint(contentsOf: source)
    var notes: [String] = []
    if let release = options.release { notes.append(try release.check(checkpoint)) }
    let configuration = try checkpoint.configuration(options, notes: &notes)
    let text = try checkpoint.textConfiguration(options, activation: configuration.activation)
    var recipes = checkpoint.imageRecipes
    if text != nil { recipes.merge(checkpoint.textRecipes) { image, _ in image } }
    let used = Set(recipes.values.flatMap(\.allSources).map(\.name))
    let leftOut = try checkpoint.leftOut(used, takesText: text != nil)
    for (part, count) in leftOut.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      notes.append("\(count) \(count == 1 ? "tensor" : "tensors") \(part.rawValue) left out.")
    }
    let reader = checkpoint.reader
    let origin = ModelOrigin(
      attribution: options.attribution, layout: checkpoint.layout.rawValue,
      sourceFile: source.lastPathComponent, sourceHash: checkpoint.file.mapping.sha256(),
      sourceTensors: used.count,
      sourceParameters: checkpoint.file.tensors.reduce(0) {
        $0 + (used.contains($1.name) ? $1.elementCount : 0)
      },
      tool: tool)
    try ModelFile.write(
      to: output, configuration: configuration, text: text, precision: options.precision, origin: origin
    ) { (name, shape) throws(ModelFileError) in
      guard let recipe = recipes[name] else { preconditionFailure("No recipe makes \(name).") }
      return recipe.sources.isEmpty
        ? [Float](repeating: 0, count: shape.reduce(1, *)) : try recipe.values(reader)
    }
    let model = try ModelFile(contentsOf: output)
    if text != nil { try model.checkText() }
    return Summary(model: ModelSummary(model), notes: notes)
  }
}
