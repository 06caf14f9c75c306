import Foundation
import Imaging

/// The pictures a replay will show, found before it starts.
struct ReplayFolder {
  static let suffixes: Set<String> = ["jpg", "jpeg", "png"]

  let root: URL
  /// In the order of their paths' bytes. A listing's files are taken on trust: a missing one is a bad frame.
  let pictures: [FrameLabel]

  init(_ options: ReplayOptions) throws(CaptureError) {
    root = options.folder.standardizedFileURL
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isFolder), isFolder.boolValue else {
      throw CaptureError(.folderMissing, "The folder to replay, \(root.path), does not exist.")
    }
    let listing = options.listing ?? root.appending(path: ReplayListing.fileName)
    let isListed = options.listing != nil || FileManager.default.fileExists(atPath: listing.path)
    let found = isListed ? try ReplayListing(contentsOf: listing).entries : try Self.search(root)
    guard !found.isEmpty else {
      throw CaptureError(
        .folderEmpty,
        isListed
          ? "\(listing.path) lists no pictures."
          : "The folder to replay, \(root.path), holds no pictures (\(Self.suffixes.sorted().joined(separator: ", ")))."
      )
    }
    pictures = found.sorted { $0.file.utf8.lexicographicallyPrecedes($1.file.utf8) }
  }

  private static func search(_ root: URL) throws(CaptureError) -> [FrameLabel] {
    var isFolder: ObjCBool = false
    let test = root.appending(path: "test").path
    let hasTest = FileManager.default.fileExists(atPath: test, isDirectory: &isFolder) && isFolder.boolValue
    let start = hasTest ? test : root.path
    do {
      return try FileManager.default.subpathsOfDirectory(atPath: start).compactMap { path in
        let parts = path.split(separator: "/")
        let suffix = (path as NSString).pathExtension.lowercased()
        guard suffixes.contains(suffix), !parts.contains(where: { $0.hasPrefix(".") }) else { return nil }
        return FrameLabel(file: hasTest ? "test/\(path)" : path, kind: kind(of: start + "/" + path))
      }
    } catch {
      throw CaptureError(
        .folderMissing, "The folder to replay, \(root.path), cannot be read: \(systemReason(error)).")
    }
  }

  /// The name of the folder between `test` and the file, wherever in the path that is.
  private static func kind(of path: String) -> String? {
    let folders = path.split(separator: "/").dropLast()
    guard let kind = folders.last, folders.dropLast().last == "test" else { return nil }
    return String(kind)
  }
}
