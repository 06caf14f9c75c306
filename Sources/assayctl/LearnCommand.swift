public import ArgumentParser
import Compute
import Foundation
import Glibc
import Imaging
import Inspection
public import PromptLearning
import Station
import Synchronization

struct LearnCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "learn", abstract: "Learns a recipe's prompts from its references (PromptAD).",
    discussion: """
      Takes the pictures of the recipe's newest version, or those of a folder, and the recipe's words, and writes a new \
      version: memory bank, prompts and calibration. It runs beside the station at the lowest priority; a station that \
      runs goes over to the new version between two frames. Needs a CLIP model with both towers. Interrupted, it leaves \
      nothing behind; the same pictures, words, options and seed give the same bytes, on any processor and number of \
      threads. The progress bar shows the losses of the prompts for whole pictures and of those for pixels.
      """)

  @OptionGroup var station: StationOptions

  @Option(help: "The recipe.")
  var recipe: String

  @Option(help: "Folder of pictures of good parts, instead of the newest version's.", completion: .directory)
  var from: String?

  @Option(
    help: ArgumentHelp(
      "Where the paper and its released code differ: \(PromptADParity.allCases.map(\.rawValue).joined(separator: " or ")).",
      valueName: "name"))
  var parity: PromptADParity = .corrected

  @Option(help: "Steps of learning.")
  var steps: Int?

  @Option(help: "Of the vectors that learning starts from.")
  var seed: UInt64?

  @Option(help: "Compute threads; by default the station's number.")
  var threads: Int?

  @Flag(help: "Print the new version's manifest as JSON.")
  var json = false

  func run() async throws {
    try await reportingFailures {
      // The station's threads go first.
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
      let configuration = try station.configuration()
      let recipe = try station.recipe(recipe, in: configuration)
      let folder = configuration.paths.versions(of: recipe.name)
      let references: [Reference]
      if let from {
        references = try PictureFolder(from).references(
          region: try configuration.region(ofRecipe: recipe.name))
      } else if let latest = RecipeVersion.latest(in: folder) {
        references = try RecipeVersion(contentsOf: latest).references()
      } else {
        throw Failure.missing(
          "Recipe \(recipe.name) has no version whose pictures could be learned from: enrol pictures of good parts first, or "
            + "name a folder of them with --from.")
      }
      var options = LearningOptions(parity: parity)
      if let steps { options.steps = steps }
      if let seed { options.seed = seed }
      let interrupted = StopRequest()
      let interruption = Interruption { interrupted.raise() }
      defer { interruption.cancel() }
      let engine = try InspectionEngine(
        modelFile: configuration.model, threads: threads ?? configuration.computeThreads)
      let progress = Progress()
      let version = try recipe.enrol(references, engine: engine, in: folder, prompting: .learned(options)) {
        if interrupted.isRaised {
          progress.finish()
          throw Failure.interrupted
        }
        progress.show($0)
      }
      progress.finish()
      if json { return try printJSON(version.manifest) }
      version.describe(recipe: recipe.name)
    }
  }
}

/// Raised on one thread, seen on another.
private final class StopRequest: Sendable {
  private let value = Atomic<Bool>(false)

  var isRaised: Bool { value.load(ordering: .relaxed) }
  func raise() { value.store(true, ordering: .relaxed) }
}

extension PromptADParity: ExpressibleByArgument {}
