import Foundation
import Inspection
import Logging
import TestSupport
import Testing

@testable import Messaging
@testable import Station

/// A child process is ended at each of its calls that change a file, in four ways: killed before the call, killed in the
/// middle of it, killed with everything undone that was not forced to the disk, and with the disk full from there on. What
/// it leaves must be what it said to be safe.
///
/// Each moment is tried in one way after the other; with `ASSAYD_EVERY_CUT=1` in all of them.
@Suite(.timeLimit(.minutes(10))) struct PowerCutTests {
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// `power_cut_mode`.
  private enum Way: Int, CaseIterable {
    case never, kill, torn, lost, full
  }

  private struct Run {
    let folder: TemporaryFolder
    /// What the child said, a word and the rest of its line.
    var said: [(word: String, rest: String)]
    /// Whether it came to its own end.
    var isComplete: Bool

    func all(_ word: String) -> [String] { said.filter { $0.word == word }.map(\.rest) }

    var state: URL { folder.file("state") }
  }

  private func run(
    _ scenario: String, at moment: Int, _ way: Way, recipe: String, before: (URL) throws -> Void
  ) throws -> Run {
    let folder = try TemporaryFolder()
    for name in ["state", "undo"] {
      try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: true)
    }
    try before(folder.file("state"))
    let process = Process()
    process.executableURL = Bundle.main.bundleURL.appending(path: "power-cut")
    // The shim sees paths as the system does.
    let root = folder.url.resolvingSymlinksInPath()
    process.arguments = [
      scenario, root.appending(path: "state").path, root.appending(path: "undo").path, "\(moment)",
      "\(way.rawValue)",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(["POWER_CUT_RECIPE": recipe]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let said = text.split(separator: "\n").map { line in
      (String(line.prefix { $0 != " " }), String(line.drop { $0 != " " }.dropFirst()))
    }
    let wasKilled = process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL
    let isComplete = process.terminationReason == .exit && process.terminationStatus == 0
    #expect(wasKilled || isComplete, "\(text.suffix(300))")
    #expect(isComplete == said.contains { $0.0 == "end" })
    return Run(folder: folder, said: said, isComplete: isComplete)
  }

  /// Runs a scenario to its end, and then once for each of its moments.
  private func cutEverywhere(
    _ scenario: String, recipe: String = "", full isFull: Bool = true,
    before: (URL) throws -> Void = { _ in },
    check: (Run, Comment) async throws -> Void
  ) async throws {
    let whole = try run(scenario, at: 0, .never, recipe: recipe, before: before)
    let moments = try #require(whole.all("end").first.flatMap(Int.init))
    #expect(moments > 20)
    try await check(whole, "\(scenario), whole")
    let ways = [.kill, .torn, .lost] + (isFull ? [Way.full] : [])
    let isThorough = ProcessInfo.processInfo.environment["ASSAYD_EVERY_CUT"] != nil
    for moment in 1...moments {
      for (index, way) in ways.enumerated() where isThorough || moment % ways.count == index {
        let run = try run(scenario, at: moment, way, recipe: recipe, before: before)
        let comment: Comment = "\(scenario), moment \(moment) of \(moments), \(way)"
        if way == .full { #expect(run.isComplete, comment) }
        try await check(run, comment)
      }
    }
  }

  /// What was written and not acknowledged is there, in order and once; nothing else but what was acknowledged is; the file
  /// is not damaged; the accounts add up; and the newest alert is one that was written.
  @Test func theSpoolKeepsWhatItWrote() async throws {
    try await cutEverywhere("spool") { run, comment in
      let spool = Spool(file: run.state.appending(path: "spool.sqlite"), logger: Self.logger)
      var found: [String] = []
      for lane in OutboxLane.allCases {
        var cursor: UInt64 = 0
        try await StationBench.wait(for: "all of the lane") {
          let isLoaded = spool.isLoaded(lane)
          while let entry = spool.next(after: cursor, in: lane) {
            found.append(
              String(decoding: entry.message.payload, as: UTF8.self).filter { $0 != "x" && $0 != " " })
            cursor = entry.identifier
          }
          return isLoaded
        }
      }
      let written = run.all("written")
      let acknowledged = Set(run.all("acknowledging"))
      // What gave way is the oldest of the least importance; the child says how many.
      let given = run.all("given").last.flatMap(Int.init) ?? 0
      let missing = written.filter { !acknowledged.contains($0) && !found.contains($0) }
      #expect(missing.count <= given + (run.isComplete ? 0 : 6), comment)
      #expect(!missing.contains { $0.hasPrefix("a") }, comment)
      #expect(Set(found).count == found.count, comment)
      let results = found.filter { !$0.hasPrefix("a") }
      #expect(
        results == results.sorted()
          && found.prefix(5).filter { $0.hasPrefix("a") } == found.filter { $0.hasPrefix("a") }, comment)
      #expect(spool.counts.addUp && spool.counts.recovered == found.count, comment)
      #expect(spool.counts.trouble == nil && spool.counts.droppedForDamage == 0, comment)
      if let last = written.last(where: { $0.hasPrefix("a") }) {
        let newest = try #require(spool.newestAlerts["alert"], comment)
        #expect(String(decoding: newest, as: UTF8.self) >= last, comment)
      }
      // A deletion that the full disk did not take is made up for: the broker gets the message twice.
      if run.isComplete {
        #expect(run.all("closed") == ["\(found.count { !acknowledged.contains($0) })"], comment)
      }
      spool.append(OutboxMessage(topic: "t", payload: [1], importance: .important))
      #expect(await spool.close(within: .seconds(5)), comment)
      let names = try FileManager.default.contentsOfDirectory(atPath: run.state.path)
      #expect(!names.contains { $0.contains("damaged") }, comment)
    }
  }

  /// Every record that is there is whole with all its files; the newest that was kept is there, and so is the alert; and the
  /// next start clears away the rest.
  @Test func evidenceIsWholeOrNotThere() async throws {
    try await cutEverywhere("evidence") { run, comment in
      let folder = EvidenceFolder(run.state)
      for entry in folder.entries() {
        #expect(throws: Never.self, comment) { try folder.contents(of: entry) }
      }
      let store = EvidenceStore(run.state, configuration: EvidenceConfiguration(), logger: Self.logger)
      store.start()
      store.beginStop()
      #expect(store.finishStop(by: .now.advanced(seconds: 10)), comment)
      let (entries, leftovers) = folder.scan()
      let kept = run.all("kept")
      if let last = kept.last { #expect(entries.contains { "\($0.resultID)" == last }, comment) }
      for alert in run.all("alert") {
        #expect(entries.contains { "\($0.resultID)" == alert && $0.isAlert }, comment)
      }
      #expect(leftovers.files.isEmpty, comment)
      // Four fit, and the one that was being written; a deletion that was not forced may come back.
      #expect(entries.count <= 8, comment)
    }
  }

  /// Each version that appears under its name is whole, those that were created are there, and the next one can be made.
  @Test func recipeVersionsAreWholeOrNotThere() async throws {
    let source = try StationBench.enrolledVersion()
    try await cutEverywhere("recipe", recipe: source.path, full: false) { run, comment in
      let recipe = run.state.appending(path: "cell")
      let versions = RecipeVersion.all(in: recipe)
      let numbers = try versions.map { try RecipeVersion(contentsOf: $0).manifest.version }
      #expect(numbers == Array(1...max(1, numbers.count)).prefix(numbers.count).map { $0 }, comment)
      #expect(Set(run.all("created").compactMap(Int.init)).isSubset(of: numbers), comment)
      let version = try RecipeVersion(contentsOf: source)
      let next = try RecipeVersion.create(
        in: recipe, bank: version.bank, references: try version.references(), calibration: version.calibration
      )
      #expect(next.manifest.version == numbers.count + 1, comment)
      let names = try FileManager.default.contentsOfDirectory(atPath: recipe.path)
      #expect(!names.contains { $0.hasPrefix(".") }, comment)
    }
  }

  /// The newest configuration that was kept can be loaded, whatever the cut left of the next one; and the changeover is the
  /// last one or the one that was being written.
  @Test func aConfigurationThatWasKeptIsFound() async throws {
    let template = try ConfigurationFolder()
    func lay(_ state: URL) throws {
      try FileManager.default.removeItem(at: state)
      try FileManager.default.copyItem(at: template.folder.url, to: state)
    }
    try await cutEverywhere("configuration", full: false, before: lay) { run, comment in
      let paths = StationPaths(root: run.state)
      let newest = ConfigurationArchive(paths: paths).newest()?.hash
      #expect(newest == run.all("kept").last || newest == run.all("keeping").last, comment)
      let recipe = Changeovers(contentsOf: paths.changeovers).entries["mono"]?.recipe
      #expect(recipe == run.all("changed").last || recipe == run.all("changing").last, comment)
      // The station starts: with its files, or with what was kept.
      if newest != nil {
        let start = try StationConfiguration.loadForStart(paths: paths)
        #expect(start.refusal == nil || start.configuration.hash == newest, comment)
        try ConfigurationArchive(paths: paths).keep(start.configuration)
        #expect(ConfigurationArchive(paths: paths).newest()?.hash == start.configuration.hash, comment)
      }
    }
  }
}

extension OutboxCounts {
  fileprivate var addUp: Bool { appended + recovered == acknowledged + rejected + dropped + waiting }
}
