import ArgumentParser
import Foundation
import Inspection
import Messaging
import Station

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Checks a station's configuration, model and recipes, and says how each line would run.",
    discussion:
      "Every mistake of every file is named with file, line and what is allowed; the exit status is then 78.")

  @OptionGroup var station: StationOptions

  @Flag(help: "Print as JSON.")
  var json = false

  struct Line: Encodable {
    let name: String
    let recipe: String
    let version: String?
    /// Why the line cannot judge yet or must not; nil where it can.
    let obstacle: String?
    let isRefused: Bool
  }

  struct Report: Encodable {
    let configHash: String
    let instructionSet: String
    let lines: [Line]
  }

  func run() async throws {
    try await reportingFailures {
      let configuration = try station.configuration()
      let engine = try InspectionEngine(modelFile: configuration.model, threads: configuration.computeThreads)
      let lines = configuration.lines.compactMap { line -> Line? in
        guard let recipe = configuration.recipe(of: line) else { return nil }
        func entry(version: String? = nil, obstacle: String? = nil, isRefused: Bool = false) -> Line {
          Line(
            name: line.name, recipe: recipe.name, version: version, obstacle: obstacle, isRefused: isRefused)
        }
        switch RecipeState.load(recipe, paths: configuration.paths, engine: engine) {
        case .ready(let active): return entry(version: active.reference.version)
        case .notEnrolled(let explanation): return entry(obstacle: explanation)
        case .refused(_, let explanation): return entry(obstacle: explanation, isRefused: true)
        }
      }
      if json {
        try printJSON(
          Report(configHash: configuration.hash, instructionSet: engine.instructionSet, lines: lines))
      } else {
        for line in lines {
          print(
            "Line \(line.name): \(line.obstacle ?? "recipe \(line.recipe), version \(line.version ?? "-").")")
        }
        print(
          "The configuration is correct, hash \(configuration.hash.prefix(12)); it runs on \(engine.instructionSet)."
        )
      }
      if lines.contains(where: \.isRefused) { throw ExitCode(EX_CONFIG) }
    }
  }
}
