package import Foundation
import Glibc
import Imaging

/// A folder that appears under its name whole or not at all.
package enum FolderTransaction {
  /// Lets `fill` write into a temporary folder beside `folder`, forces every file to the disk and renames the
  /// result to `folder`. On failure nothing is left.
  ///
  /// - Throws: `InspectionError.exists` where `folder` is there and not empty, `.system` where the system refuses to write,
  ///   and whatever else `fill` throws.
  package static func write(_ folder: URL, fill: (URL) throws -> Void) throws {
    let parent = folder.deletingLastPathComponent()
    try attempt("create", parent) {
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    }
    removeAbandoned(in: parent)
    let partial = parent.appending(
      path: "\(prefix)\(getpid())-\(folder.lastPathComponent)-\(UInt32.random(in: 0...UInt32.max))")
    try attempt("create", partial) {
      try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: false)
    }
    do {
      try fill(partial)
      try synchroniseTree(partial)
      // A rename onto a folder that is not empty fails, so of two writers one wins and neither mixes.
      if rename(partial.path, folder.path) != 0 {
        if errno == ENOTEMPTY || errno == EEXIST { throw InspectionError.exists(folder: folder.path) }
        throw failure("rename", partial)
      }
      try synchronise(parent)
    } catch {
      try? FileManager.default.removeItem(at: partial)
      guard error is CocoaError else { throw error }
      throw InspectionError.system(action: "write", path: folder.path, reason: systemReason(error))
    }
  }

  private static let prefix = ".partial-"

  /// Takes away what a writer that no longer runs left behind.
  private static func removeAbandoned(in parent: URL) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
    for name in names where name.hasPrefix(prefix) {
      guard let process = pid_t(name.dropFirst(prefix.count).prefix { $0.isNumber }) else { continue }
      if kill(process, 0) != 0 && errno == ESRCH {
        try? FileManager.default.removeItem(at: parent.appending(path: name))
      }
    }
  }

  private static func synchroniseTree(_ folder: URL) throws {
    let entries = try attempt("list", folder) {
      try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.isDirectoryKey])
    }
    for entry in entries {
      if try entry.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true {
        try synchroniseTree(entry)
      } else {
        try synchronise(entry)
      }
    }
    try synchronise(folder)
  }

  private static func synchronise(_ entry: URL) throws {
    let descriptor = open(entry.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", entry) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("force to the disk", entry) }
  }

  private static func failure(_ action: String, _ file: URL) -> InspectionError {
    .system(action: action, path: file.path, reason: String(cString: strerror(errno)))
  }

  @discardableResult
  private static func attempt<Result>(
    _ action: String, _ file: URL, _ body: () throws -> Result
  ) throws(InspectionError) -> Result {
    do {
      return try body()
    } catch {
      throw .system(action: action, path: file.path, reason: systemReason(error))
    }
  }
}
