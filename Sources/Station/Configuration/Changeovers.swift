package import Foundation
import Transformer

/// Recipes that lines were changed to by command, kept over a restart.
///
/// A changeover holds until somebody writes another recipe into the line's file: then the file has the last word.
package struct Changeovers: Codable, Equatable {
  package struct Entry: Codable, Equatable {
    /// What the line's file said when the command came.
    package var configured: String
    package var recipe: String
  }

  package private(set) var entries: [String: Entry] = [:]

  /// None where the file is missing or damaged; a line then runs the recipe of its configuration.
  package init(contentsOf file: URL) {
    if let data = try? Data(contentsOf: file), let read = try? JSONDecoder().decode(Self.self, from: data) {
      self = read
    }
  }

  package mutating func change(_ line: String, configured: String, to recipe: String) {
    entries[line] = configured == recipe ? nil : Entry(configured: configured, recipe: recipe)
  }

  package func write(to file: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try AtomicFile.write([Array(try encoder.encode(self))], to: file)
  }

  /// The configuration with every changeover that holds.
  func applied(to configuration: StationConfiguration) -> StationConfiguration {
    var configuration = configuration
    for index in configuration.lines.indices {
      let line = configuration.lines[index]
      guard let entry = entries[line.name], entry.configured == line.recipe,
        configuration.recipes[entry.recipe] != nil
      else { continue }
      configuration.lines[index].recipe = entry.recipe
    }
    return configuration
  }
}
