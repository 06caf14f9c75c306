import Foundation
import Glibc
import TestSupport
import Testing

/// `Scripts/reproduce-promptad` as a user runs it, learning and all: two categories with a small random CLIP.
@Suite(.enabled(if: Repository.releaseTool != nil, "\(Repository.releaseSkipReason)"))
struct ReproducePromptADTests {
  private let data: TemporaryFolder
  private let random: RandomModel

  init() throws {
    data = try TemporaryFolder()
    for category in ["bottle", "metal_nut"] { _ = try MadeProduct(in: data, product: category) }
    random = try RandomModel(textDepth: 1)
  }

  private func arguments(_ results: URL) throws -> [String] {
    [
      data.url.path, random.file.path, "--results", results.path, "--shots", "1,2", "--seeds", "1",
      "--assayctl", try #require(Repository.releaseTool).path,
    ]
  }

  private let script = Repository.root.appending(path: "Scripts/reproduce-promptad")

  @Test func `the published protocol is estimated, interrupted and resumed`() throws {
    let scratch = try TemporaryFolder()
    let results = scratch.url.appending(path: "results")
    let estimate = try Oracle.run(executable: script.path, try arguments(results) + ["--estimate"])
    let text = String(decoding: estimate, as: UTF8.self)
    #expect(text.contains("4 runs: 2 categories, 1, 2 references, 1 draw each; 0 are done"))
    #expect(text.contains("the other 3 will take about") && !text.contains("[2/4]"))
    let first = results.appending(path: "1-shot/seed-0/bottle.json")
    let kept = try Data(contentsOf: first)

    // As Ctrl-C does it: script and tool get the signal, in the middle of a run.
    let log = scratch.file("log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let process = Process()
    process.executableURL = script
    process.arguments = try arguments(results)
    process.standardOutput = try FileHandle(forWritingTo: log)
    process.standardError = process.standardOutput
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let deadline = ContinuousClock.now + .seconds(300)
    while !String(decoding: try Data(contentsOf: log), as: UTF8.self).contains("[2/4]"),
      ContinuousClock.now < deadline, process.isRunning
    {
      usleep(5_000)
    }
    kill(-process.processIdentifier, SIGINT)
    process.waitUntilExit()
    let said = String(decoding: try Data(contentsOf: log), as: UTF8.self)
    #expect(process.terminationStatus != 0 && said.contains("the same command goes on from here"), "\(said)")
    #expect(said.contains("1 are done") && !said.contains("[4/4]"))
    let files = FileManager.default.enumerator(atPath: results.path)?.compactMap { $0 as? String } ?? []
    #expect(files.contains("1-shot/seed-0/metal_nut.json") && !files.contains { $0.hasSuffix(".part") })

    let rest = String(
      decoding: try Oracle.run(executable: script.path, try arguments(results)), as: UTF8.self)
    #expect(!rest.contains("[2/4]") && rest.contains("[4/4]"))
    #expect(rest.contains("Method promptad, 1 reference, seed 0") && rest.contains("promptad, 2 references"))
    #expect(rest.contains("PromptAD (published)") && rest.contains("99.8"))
    #expect(try Data(contentsOf: first) == kept)
    let table = try String(contentsOf: results.appending(path: "table.md"), encoding: .utf8)
    #expect(table.contains("| metal_nut |") && table.contains("| **mean of 2** |"))

    // What was put together in three sittings is what one makes.
    let whole = scratch.url.appending(path: "whole")
    _ = try Oracle.run(executable: script.path, try arguments(whole))
    #expect(try Self.numbers(in: results) == Self.numbers(in: whole))
  }

  /// The summary without what a clock measured.
  private static func numbers(in results: URL) throws -> [NSDictionary] {
    func timeless(_ value: Any) -> Any {
      if let list = value as? [Any] { return list.map(timeless) }
      guard let object = value as? [String: Any] else { return value }
      return object.filter { !$0.key.hasSuffix("_seconds") && $0.key != "frames_per_second" }
        .mapValues(timeless)
    }
    let data = try Data(contentsOf: results.appending(path: "summary.json"))
    let reports = timeless(try JSONSerialization.jsonObject(with: data)) as? [[String: Any]]
    return try #require(reports).map { $0 as NSDictionary }
  }
}
