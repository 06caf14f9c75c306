import Foundation
import Inspection
import Messaging

/// Configurations that were in use, kept so that a broken file at the next start does not blind the station.
///
/// ```
/// configurations/000017-<hash>/assayd.yaml, lines/*.yaml, recipes/*.yaml
/// ```
/// Each is written whole or not at all, and counts only where its files still make the hash in its name: what a power
/// cut left of one is passed over for the one before.
package struct ConfigurationArchive {
  let paths: StationPaths

  package init(paths: StationPaths) { self.paths = paths }

  private static let kept = 3

  /// Keeps a configuration, unless it is the newest one that is kept.
  package func keep(_ configuration: StationConfiguration) throws {
    let names = names()
    if let newest = names.last, newest.hasSuffix("-\(configuration.hash)"), load(newest) != nil { return }
    let number = (names.last.flatMap { Int($0.prefix(6)) } ?? 0) + 1
    let name =
      String(repeating: "0", count: max(0, 6 - String(number).count)) + "\(number)-\(configuration.hash)"
    try FolderTransaction.write(paths.keptConfigurations.appending(path: name)) { folder in
      for file in configuration.files {
        let target = folder.appending(path: file.path)
        try FileManager.default.createDirectory(
          at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try file.content.write(to: target)
      }
    }
    for name in self.names().dropLast(Self.kept) {
      try FileManager.default.removeItem(at: paths.keptConfigurations.appending(path: name))
    }
  }

  /// The newest configuration that is whole and still works here; nil where there is none.
  package func newest() -> StationConfiguration? { names().reversed().lazy.compactMap(load).first }

  private func load(_ name: String) -> StationConfiguration? {
    let folder = paths.keptConfigurations.appending(path: name, directoryHint: .isDirectory)
    guard
      let configuration = try? StationConfiguration.load(
        paths: StationPaths(root: paths.root, configuration: folder)),
      name.hasSuffix("-\(configuration.hash)")
    else { return nil }
    return configuration
  }

  /// Oldest first.
  private func names() -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: paths.keptConfigurations.path)) ?? []
    return names.filter { $0.first?.isNumber == true }.sorted()
  }
}

extension StationConfiguration {
  /// The configuration of a station that starts: that of its files, or, where they are wrong or missing, the last one
  /// that was in use.
  ///
  /// - Returns: with `refusal`, what is wrong with the files, where they are not used.
  /// - Throws: `ConfigurationError` where nothing else is kept that works.
  public static func loadForStart(
    paths: StationPaths
  ) throws(ConfigurationError) -> (configuration: StationConfiguration, refusal: ConfigurationError?) {
    do {
      return (try load(paths: paths), nil)
    } catch {
      guard let kept = ConfigurationArchive(paths: paths).newest() else { throw error }
      return (kept, error)
    }
  }
}
