import Foundation
import Synchronization

/// A folder of this process, in memory where there is room, removed when the process ends by itself.
struct FuzzFolder: Sendable {
  let url: URL

  private static let made = Mutex<[URL]>([])

  init(_ name: String) {
    let memory = URL(fileURLWithPath: "/dev/shm")
    let parent =
      FileManager.default.isWritableFile(atPath: memory.path)
      ? memory : FileManager.default.temporaryDirectory
    url = parent.appending(path: "assayd-fuzz-\(name)-\(ProcessInfo.processInfo.processIdentifier)")
    try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    let isFirst = Self.made.withLock { made in
      made.append(url)
      return made.count == 1
    }
    if isFirst {
      atexit { for url in Self.made.withLock({ $0 }) { try? FileManager.default.removeItem(at: url) } }
    }
  }
}
