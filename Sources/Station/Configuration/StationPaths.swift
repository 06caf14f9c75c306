public import Foundation

/// Where a station's files are, all below one root folder.
///
/// `/` in production. In development any folder does, and nothing needs root rights.
public struct StationPaths: Sendable, Equatable {
  public let root: URL
  /// `etc/assayd` below the root; of a configuration that was kept, the folder that it was kept in.
  public let configuration: URL

  public init(root: URL) {
    let root = root.standardizedFileURL
    self.init(root: root, configuration: root.appending(path: "etc/assayd", directoryHint: .isDirectory))
  }

  init(root: URL, configuration: URL) {
    self.root = root
    self.configuration = configuration
  }

  /// Whether the configuration is one that was kept: it was found right once, when it was put into use.
  var readsKept: Bool { configuration.path.hasPrefix(keptConfigurations.path) }

  /// `var/lib/assayd` below the root.
  public var state: URL { root.appending(path: "var/lib/assayd", directoryHint: .isDirectory) }
  public var stationFile: URL { configuration.appending(path: "assayd.yaml") }
  public var lines: URL { configuration.appending(path: "lines", directoryHint: .isDirectory) }
  public var recipes: URL { configuration.appending(path: "recipes", directoryHint: .isDirectory) }
  /// Immutable versions of what recipes learned: `<recipe>/<version>`.
  public var recipeVersions: URL { state.appending(path: "recipes", directoryHint: .isDirectory) }

  /// Messages that wait for the broker.
  public var spool: URL { state.appending(path: "spool.sqlite") }
  /// Configurations that were in use, newest last.
  public var keptConfigurations: URL { state.appending(path: "configurations", directoryHint: .isDirectory) }
  /// Recipes that lines were changed to by command.
  package var changeovers: URL { state.appending(path: "changeovers.json") }
  /// Pictures taken by the command `snapshot`: `<line>/<time>.<jpg or png>`.
  public var snapshots: URL { state.appending(path: "snapshots", directoryHint: .isDirectory) }

  /// Pictures and findings that are kept: see `EvidenceEntry`.
  public var evidence: URL { state.appending(path: "evidence", directoryHint: .isDirectory) }

  /// A path as the configuration writes it: a relative one is taken below the root, an absolute one as it stands.
  public func resolve(_ path: String) -> URL {
    path.hasPrefix("/") ? URL(filePath: path) : root.appending(path: path)
  }
}
