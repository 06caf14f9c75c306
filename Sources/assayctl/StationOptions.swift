import ArgumentParser
import Foundation
import Station

/// Which station: the same option in every command that reads its files.
struct StationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder that holds etc/assayd and var/lib/assayd, by default /.", valueName: "dir"),
    completion: .directory)
  var root: String?

  /// - Throws: `Failure` with every mistake of every file, one a line.
  func configuration() throws -> StationConfiguration {
    do {
      return try StationConfiguration.load(
        paths: StationPaths(root: URL(filePath: root ?? "/", directoryHint: .isDirectory)))
    } catch {
      throw Failure(description: error.description, status: error.isMissing ? EX_NOINPUT : EX_CONFIG)
    }
  }

  /// The recipe of that name.
  func recipe(_ name: String, in configuration: StationConfiguration) throws -> RecipeConfiguration {
    guard let recipe = configuration.recipes[name] else {
      let names = configuration.recipes.keys.sorted().joined(separator: ", ")
      throw Failure.missing(
        "There is no recipe \(name) in \(configuration.paths.recipes.path); there are: \(names).")
    }
    return recipe
  }
}
