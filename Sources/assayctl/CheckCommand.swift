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

  struct Report: Encodable {
    let configHash: String
    let instructionSet: String
    let lines: [LineCheck]
  }

  func run() async throws {
    try await reportingFailures {
      let configuration = try station.configuration()
      let engine = try InspectionEngine(modelFile: configuration.model, threads: configuration.computeThreads)
      let lines = configuration.checkLines(engine: engine)
      if json {
        try printJSON(
          Report(configHash: configuration.hash, instructionSet: engine.instructionSet, lines: lines))
      } else {
        for line in lines { print(line) }
        print(
          "The configuration is correct, hash \(configuration.hash.prefix(12)); it runs on \(engine.instructionSet)."
        )
      }
      if lines.contains(where: \.isRefused) { throw ExitCode(EX_CONFIG) }
    }
  }
}
