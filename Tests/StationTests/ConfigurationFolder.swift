import Foundation
import Station
import TestSupport

/// A root folder with a small correct configuration, to be spoilt one file at a time.
struct ConfigurationFolder {
  let folder: TemporaryFolder
  var paths: StationPaths { StationPaths(root: folder.url) }

  static let station = """
    station: hall
    root_topic: test/hall
    broker:
      host: 127.0.0.1
    model:
      file: model.safetensors
    """
  static let line = """
    replay:
      folder: pictures
      rate: 20
    recipe: cell
    """
  static let recipe = "product: Cell"

  init(lines: [String: String] = ["mono": line], recipes: [String: String] = ["cell": recipe]) throws {
    folder = try TemporaryFolder()
    try write("model.safetensors", "not read")
    try FileManager.default.createDirectory(at: folder.file("pictures"), withIntermediateDirectories: true)
    try write("etc/assayd/assayd.yaml", Self.station)
    for (name, text) in lines { try write("etc/assayd/lines/\(name).yaml", text) }
    for (name, text) in recipes { try write("etc/assayd/recipes/\(name).yaml", text) }
  }

  func write(_ path: String, _ text: String, mode: Int = 0o600) throws {
    try write(path, Data(text.utf8), mode: mode)
  }

  func write(_ path: String, _ data: Data, mode: Int = 0o600) throws {
    let file = folder.url.appending(path: path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
  }

  func load() throws(ConfigurationError) -> StationConfiguration {
    try StationConfiguration.load(paths: paths, hostName: "host")
  }

  /// The problems of a load that must fail, one a line, without the folder's own path.
  func problems() -> [String] {
    do {
      _ = try load()
      return []
    } catch {
      return error.problems.map {
        $0.description.replacing(folder.url.path + "/", with: "").replacing("etc/assayd/", with: "")
      }
    }
  }
}
