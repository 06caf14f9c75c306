import Foundation
import Station

/// A configuration is changed again and again, and each that was in use is kept; so are changeovers.
enum ConfigurationScenario {
  /// Says `keeping HASH` before and `kept HASH` after, and the same of changeovers with their recipe.
  static func prepare(_ root: URL) -> () async throws -> Void {
    {
      let paths = StationPaths(root: root)
      let archive = ConfigurationArchive(paths: paths)
      let file = paths.recipes.appending(path: "cell.yaml")
      for number in 0..<4 {
        try Data("product: Cell \(number)\n".utf8).write(to: file)
        let configuration = try StationConfiguration.load(paths: paths)
        say("keeping \(configuration.hash)")
        try archive.keep(configuration)
        say("kept \(configuration.hash)")
        var changeovers = Changeovers(contentsOf: paths.changeovers)
        changeovers.change("mono", configured: "cell", to: "recipe-\(number)")
        say("changing recipe-\(number)")
        try changeovers.write(to: paths.changeovers)
        say("changed recipe-\(number)")
      }
    }
  }
}
