import Foundation
import Station

/// One file of a station, the two others sound.
enum FuzzedConfiguration {
  private static let folder = FuzzFolder("configuration")

  private static let sound = [
    "assayd.yaml": "broker:\n  host: 127.0.0.1\nmodel:\n  file: m.safetensors\n",
    "lines/press.yaml": "recipe: bracket\nreplay:\n  folder: pictures\n",
    "recipes/bracket.yaml": "product: bracket\n",
  ]

  private static let paths: StationPaths? = {
    let paths = StationPaths(root: folder.url)
    // What sound files name.
    let pictures = folder.url.appending(path: "pictures")
    guard (try? FileManager.default.createDirectory(at: pictures, withIntermediateDirectories: true)) != nil,
      FileManager.default.createFile(
        atPath: folder.url.appending(path: "m.safetensors").path, contents: Data())
    else { return nil }
    for (name, text) in sound { guard write(Array(text.utf8), to: name, of: paths) else { return nil } }
    return paths
  }()

  private static func write(_ bytes: [UInt8], to name: String, of paths: StationPaths) -> Bool {
    let file = paths.configuration.appending(path: name)
    do {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: file)
      return true
    } catch {
      return false
    }
  }

  static func run(_ bytes: [UInt8]) -> Bool {
    guard let first = bytes.first, let paths else { return false }
    let name = sound.keys.sorted()[Int(first) % sound.count]
    guard write(Array(bytes.dropFirst()), to: name, of: paths) else { return false }
    defer { _ = write(Array((sound[name] ?? "").utf8), to: name, of: paths) }
    do {
      _ = try StationConfiguration.load(paths: paths, hostName: "fuzz")
      return true
    } catch {
      // Every problem is put into words, which must not fail either.
      return error.description.isEmpty
    }
  }
}
