import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Station

/// Saved files are noticed once they are whole.
@Suite struct ConfigurationWatcherTests {
  private let folder: ConfigurationFolder
  private let count = Counter()
  private let task: Task<Void, Never>

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
    var count: Int { value.load(ordering: .relaxed) }
  }

  init() async throws {
    folder = try ConfigurationFolder()
    let (paths, count) = (folder.paths, count)
    task = Task {
      let logger = Logger(label: "test") { _ in StationLogHandler(environment: [:]) }
      for await _ in ConfigurationWatcher.changes(of: paths, logger: logger) {
        count.value.add(1, ordering: .relaxed)
      }
    }
    try await StationBench.wait(for: "the first look") { count.count == 1 }
  }

  private func expect(_ total: Int, _ what: Comment) async throws {
    try await StationBench.wait(for: "\(what)") { count.count >= total }
    try await Task.sleep(for: .milliseconds(700))
    #expect(count.count == total, what)
  }

  @Test func savingInAnyWayIsOneChange() async throws {
    try folder.write("etc/assayd/lines/mono.yaml", ConfigurationFolder.line)
    try folder.write("etc/assayd/recipes/cell.yaml", ConfigurationFolder.recipe)
    try await expect(2, "two files written one after the other")

    try folder.write("etc/assayd/lines/.mono.yaml.swp", "an editor's")
    try folder.write("etc/assayd/lines/mono.yaml~", "an editor's")
    try await Task.sleep(for: .milliseconds(700))
    #expect(count.count == 2)
    try FileManager.default.removeItem(at: folder.paths.lines.appending(path: "mono.yaml"))
    #expect(
      rename(
        folder.paths.lines.path + "/mono.yaml~", folder.paths.lines.path + "/mono.yaml") == 0)
    try await expect(3, "a file put in the place of another")

    try FileManager.default.removeItem(at: folder.paths.recipes)
    try folder.write("etc/assayd/recipes/new.yaml", ConfigurationFolder.recipe)
    try await expect(4, "a folder put in the place of another")
    try folder.write("etc/assayd/recipes/new.yaml", "product: Other")
    try await expect(5, "a file in the new folder")
    task.cancel()
  }

  @Test func aFileThatIsStillBeingWrittenIsWaitedFor() async throws {
    let file = try FileHandle(forWritingTo: folder.paths.lines.appending(path: "mono.yaml"))
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: Data("replay:\n  folder: pictures\n".utf8))
    // Another one is saved meanwhile: what would be read now is half a configuration.
    try folder.write("etc/assayd/recipes/cell.yaml", ConfigurationFolder.recipe)
    try await Task.sleep(for: .milliseconds(1500))
    #expect(count.count == 1)
    try file.write(contentsOf: Data("recipe: cell\n".utf8))
    try file.close()
    try await expect(2, "both files")
    task.cancel()
  }
}
