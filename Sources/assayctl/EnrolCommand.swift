import ArgumentParser
import Foundation
import Imaging
import Inspection
import PromptLearning
import Station

struct EnrolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enrol", abstract: "Makes a new version of a recipe from pictures of good parts.",
    discussion: """
      From a folder, the bank is built here and the version is used from the station's next start. From a running line,
      the station takes its next frames, builds the bank beside its work and goes over to it between two frames.
      """)

  @OptionGroup var broker: BrokerOptions

  @Option(help: "The recipe, with --from.")
  var recipe: String?

  @Option(help: "Folder of pictures of good parts.", completion: .directory)
  var from: String?

  @Option(help: "A running line that shows good parts now.")
  var line: String?

  @Option(help: "Frames to take from the running line.")
  var count = 8

  @Flag(help: "Print the result as JSON.")
  var json = false

  func validate() throws {
    guard (from == nil) != (line == nil) else {
      throw ValidationError(
        "Say where the pictures come from: --from FOLDER --recipe RECIPE, or --line LINE.")
    }
    guard (from == nil) == (recipe == nil) else {
      throw ValidationError("--from and --recipe go together; a running line knows its recipe.")
    }
  }

  func run() async throws {
    try await reportingFailures {
      if let line {
        return try await enrolOnLine(line: line, count: count, broker: broker, json: json)
      }
      if let from, let recipe { try enrol(from: from, recipe: recipe) }
    }
  }

  private func enrol(from folder: String, recipe name: String) throws {
    let configuration = try broker.station.configuration()
    let recipe = try broker.station.recipe(name, in: configuration)
    let pictures = try PictureFolder(folder)
    let engine = try InspectionEngine(modelFile: configuration.model, threads: configuration.computeThreads)
    let progress = Progress()
    let version = try recipe.enrol(
      try pictures.references(region: try configuration.region(ofRecipe: name)), engine: engine,
      in: configuration.paths.versions(of: name)
    ) { progress.show($0) }
    progress.finish()
    if json { return try printJSON(version.manifest) }
    version.describe(recipe: name)
  }
}

extension Progress {
  func show(_ stage: RecipeConfiguration.EnrolmentStage) {
    switch stage {
    case .building(.encoding(let done, let total)): show("encoding references", done: done, of: total)
    case .building(.reducing(let done, let total)): show("choosing vectors", done: done, of: total)
    case .calibrating(let done, let total): show("calibrating", done: done, of: total)
    case .learning(let learning):
      show(
        String(format: "learning, losses %.3f and %.3f", learning.image.total, learning.pixel.total),
        done: learning.step, of: learning.steps, remaining: learning.remaining)
    }
  }
}

extension RecipeVersion {
  /// Prints what a new version holds and how its threshold was chosen.
  func describe(recipe: String) {
    let version = self
    print("Recipe \(recipe), version \(version.manifest.version): \(version.folder.path)")
    print(
      "\(version.manifest.references.count) references in \(version.manifest.options.views.rawValue) orientations, "
        + "\(version.manifest.vectors) vectors.")
    if let coreset = version.manifest.coreset {
      print(
        "\(coreset.vectorsBefore) vectors were reduced to \(coreset.vectorsKept) by k-centre selection; "
          + String(format: "none lies further than %.3f from one that was kept.", coreset.radius))
    }
    if let prompts = version.manifest.prompts, let guidance = version.guidance {
      print(
        (prompts.origin == .learned ? "Prompts were learned" : "Prompts are as written")
          + " for \"\(prompts.recipe.product)\"; regions are named "
          + guidance.prototypes.defects.joined(separator: ", ") + ".")
    }
    for sentence in version.calibration?.explanation ?? [] { print(sentence) }
  }
}
