import Capture
import Foundation
import Glibc
import Logging

/// Sees when somebody saves a file of the configuration, or makes a new version of a recipe.
///
/// Editors save in steps: they write beside the file and rename, or cut the file and write it anew. So a change is told
/// when all has been quiet for a moment and no file is open for writing that was written to; what is read then is whole.
///
/// Unsafe: records of varying length in the buffer that `inotify` fills.
enum ConfigurationWatcher {
  /// Seconds of quiet after the last event.
  private static let quiet = 0.5
  /// A file that somebody keeps open is not waited for longer than so many seconds.
  private static let longestWriting = 10.0
  /// What is missing, a folder to be watched or something that the files name, is looked for again after so many seconds.
  private static let retry = 5.0

  private static let writing = UInt32(IN_MODIFY) | UInt32(IN_CREATE)
  private static let complete =
    UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE)

  /// One element for each change of the files, once it is complete, and one at the beginning for what may have changed
  /// before. Ends when the task that reads it is cancelled.
  ///
  /// - Parameter isWanting: whether the files may become right without being changed, because they name something that is
  ///   not there yet; while it is so, there is an element every few seconds.
  static func changes(
    of paths: StationPaths, logger: Logger, isWanting: @escaping @Sendable () -> Bool = { false }
  ) -> AsyncStream<Void> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
      guard descriptor >= 0, let waker = try? Waker() else {
        logger.warning(
          "Changed files are not noticed: \(String(cString: strerror(errno))). Use `systemctl reload assayd`."
        )
        if descriptor >= 0 { close(descriptor) }
        return continuation.finish()
      }
      _ = WorkerThread(name: "watch", priority: .background) {
        watch(paths, descriptor, waker, isWanting) { continuation.yield() }
        close(descriptor)
      }
      continuation.onTermination = { _ in waker.wake() }
    }
  }

  /// Configuration, and the versions of every recipe: a version appears whole, by a rename.
  private static func folders(_ paths: StationPaths) -> [String] {
    let versions = paths.recipeVersions
    let recipes = (try? FileManager.default.contentsOfDirectory(atPath: versions.path)) ?? []
    return [paths.configuration.path, paths.lines.path, paths.recipes.path, versions.path]
      + recipes.filter { !$0.hasPrefix(".") }.map { versions.appending(path: $0).path }
  }

  private static func watch(
    _ paths: StationPaths, _ descriptor: Int32, _ waker: Waker, _ isWanting: () -> Bool, tell: () -> Void
  ) {
    var watched: [Int32: String] = [:]
    /// Files that were written to and not closed yet, and since when.
    var open: [String: MonotonicInstant] = [:]
    /// When the last of the events came that nobody was told of.
    var changed: MonotonicInstant? = .now
    while !waker.isAwake {
      let folders = folders(paths)
      for folder in folders where !watched.values.contains(folder) {
        let watch = inotify_add_watch(descriptor, folder, writing | complete | UInt32(IN_ONLYDIR))
        guard watch >= 0 else { continue }
        watched[watch] = folder
        // A folder that appears may have been filled unseen.
        changed = .now
      }
      var wait = retry
      if let changed {
        let now = MonotonicInstant.now
        open = open.filter { now.seconds(since: $0.value) < longestWriting }
        wait = max(quiet - now.seconds(since: changed), open.isEmpty ? 0 : 0.1)
      }
      if wait <= 0 {
        changed = nil
        tell()
        continue
      }
      var requests = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&requests, nfds_t(requests.count), Int32((wait * 1000).rounded(.up)))
      let events = read(descriptor)
      if events.isEmpty, changed == nil, !waker.isAwake, isWanting() { tell() }
      for event in events {
        if event.mask & UInt32(IN_IGNORED) != 0 { watched[event.watch] = nil }
        let file = "\(event.watch)/\(event.name)"
        let isFolder = event.mask & UInt32(IN_ISDIR) != 0
        // What editors keep beside a file is of no interest.
        let isOurs =
          !event.name.hasPrefix(".") && (event.name.hasSuffix(".yaml") || event.name.hasSuffix(".yml"))
        guard isOurs || isFolder || event.name.isEmpty else { continue }
        changed = .now
        guard isOurs, !isFolder else { continue }
        open[file] = event.mask & complete == 0 ? open[file] ?? .now : nil
      }
    }
  }

  private struct Event {
    var watch: Int32
    var mask: UInt32
    /// Of the file in the watched folder; empty where the event is the folder's own.
    var name: String
  }

  /// All events there are.
  private static func read(_ descriptor: Int32) -> [Event] {
    var events: [Event] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let length = Glibc.read(descriptor, &buffer, buffer.count)
      guard length > 0 else { return events }
      let header = MemoryLayout<inotify_event>.size
      var offset = 0
      while offset + header <= length {
        let event = buffer.withUnsafeBytes {
          $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        }
        let name = buffer[(offset + header)..<min(offset + header + Int(event.len), length)].prefix {
          $0 != 0
        }
        events.append(Event(watch: event.wd, mask: event.mask, name: String(decoding: name, as: UTF8.self)))
        offset += header + Int(event.len)
      }
    }
  }
}
