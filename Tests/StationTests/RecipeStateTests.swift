import Capture
import Foundation
import Imaging
import Inspection
import Messaging
import Testing

@testable import Station

/// What a line does with a recipe that cannot judge: it says so, and never `ok`.
@Suite struct RecipeStateTests {
  private static let script: [ScriptedSource.Step] = [
    .frame(Parts.raw(seed: 100)), .handled, .frame(Parts.raw(seed: 101, isDefective: true)),
  ]

  private func verdicts(_ bench: StationBench) async throws -> FrameCounts {
    try await bench.run {
      try await StationBench.wait(for: "two frames") {
        try bench.counts(of: "line").captured == 2 && bench.counts(of: "line").inFlight == 0
      }
    }
    return try bench.counts(of: "line")
  }

  @Test func goodAndDefectivePartsAreToldApart() async throws {
    let bench = try StationBench(["line": ScriptedSource(Self.script)])
    let counts = try await verdicts(bench)
    #expect(counts.judged == 2)
    let results = try bench.results(of: "line")
    #expect(results.map(\.verdict) == [.ok, .ng])
    #expect(results.map(\.threshold) == [Double(Float(0.2)), Double(Float(0.2))])
    #expect(results[0].reason == nil)
    #expect(results[1].reason?.hasPrefix("The score ") == true)
    #expect(results[1].regions.isEmpty == false)
    #expect(results[1].recipe?.version == "1")
    #expect(results.allSatisfy { !$0.isSimulated && $0.times.deadlineMet == nil })
  }

  @Test func onlyWhatIsNotOkIsSentWhereTheLineSaysSo() async throws {
    let bench = try StationBench(
      ["line": ScriptedSource(Self.script)], extra: "results: ng\ndeadline_ms: 60000")
    let counts = try await verdicts(bench)
    #expect(counts.judged == 2)
    let results = try bench.results(of: "line")
    #expect(results.map(\.verdict) == [.ng])
    #expect(results.map(\.seq) == [2])
    #expect(results.map(\.times.deadlineMet) == [true])
  }

  @Test func withoutReferencesEverythingIsUndecidable() async throws {
    let bench = try StationBench(["line": ScriptedSource(Self.script)], isEnrolled: false)
    let counts = try await verdicts(bench)
    #expect(counts.rejected == ["not_enrolled": 2])
    let results = try bench.results(of: "line")
    #expect(results.map(\.verdict) == [.undecidable, .undecidable])
    #expect(results.allSatisfy { $0.reason?.hasPrefix("Recipe cell has no references yet") == true })
    #expect(results.allSatisfy { $0.recipe?.id == "cell" && $0.recipe?.version == nil })
  }

  @Test func aBankOfAnotherModelIsRefused() async throws {
    let first = try StationBench(["line": ScriptedSource([])], isEnrolled: false)
    let version = try first.enrolReferences(with: PatchEncoder(modelHash: String(repeating: "b", count: 64)))
    let state = RecipeState.load(
      try #require(try first.folder.load().recipes["cell"]), paths: first.folder.paths,
      engine: first.encoder.engine)
    guard case .refused(let reason, let explanation) = state else {
      Issue.record("The recipe was not refused.")
      return
    }
    #expect(version.manifest.version == 1)
    #expect(reason == "model_mismatch")
    #expect(explanation.hasPrefix("Recipe cell: The memory bank was made with model bbbbbbbbbbbb"))
  }

  @Test func otherScoringOptionsThanTheBanksAreRefused() async throws {
    let bench = try StationBench(["line": ScriptedSource(Self.script)])
    try bench.folder.write(
      "etc/assayd/recipes/cell.yaml", StationBench.recipe.replacing("blocks: [1]", with: "blocks: [2]"))
    let recipe = try #require(try bench.folder.load().recipes["cell"])
    guard
      case .refused("options_mismatch", _) = RecipeState.load(
        recipe, paths: bench.folder.paths, engine: bench.encoder.engine)
    else {
      Issue.record("The recipe was not refused.")
      return
    }
  }

  @Test func aVersionIsChosenByNumber() async throws {
    let bench = try StationBench(["line": ScriptedSource([])])
    try bench.enrolReferences()
    var recipe = try #require(try bench.folder.load().recipes["cell"])
    func version() -> String? {
      switch RecipeState.load(recipe, paths: bench.folder.paths, engine: bench.encoder.engine) {
      case .ready(let active): active.reference.version
      case .notEnrolled: nil
      case .refused(let reason, _): reason
      }
    }
    #expect(version() == "2")
    recipe.version = .number(1)
    #expect(version() == "1")
    recipe.version = .number(7)
    #expect(version() == "version_missing")
  }

  @Test func aCheckSaysHowALineWouldRun() async throws {
    let bench = try StationBench(["line": ScriptedSource([])], isEnrolled: false)
    func check() throws -> LineCheck {
      let lines = try bench.folder.load().checkLines(engine: bench.encoder.engine)
      #expect(lines.count == 1)
      return try #require(lines.first)
    }
    let before = try check()
    #expect(before.version == nil && !before.isRefused)
    #expect(before.description.hasPrefix("Line line: Recipe cell has no references yet"))
    try bench.enrolReferences()
    let ready = LineCheck(
      name: "line", recipe: "cell", version: "1", obstacle: nil, note: nil, isRefused: false)
    #expect(try check() == ready)
    #expect("\(ready)" == "Line line: recipe cell, version 1.")
    try bench.folder.write(
      "etc/assayd/recipes/cell.yaml", StationBench.recipe.replacing("blocks: [1]", with: "blocks: [2]"))
    let refused = try check()
    #expect(refused.version == nil && refused.isRefused && refused.obstacle?.contains("taps") == true)
  }

  @Test func theFalseAlarmRateIsTheConfigurations() async throws {
    let bench = try StationBench(["line": ScriptedSource([])])
    var recipe = try #require(try bench.folder.load().recipes["cell"])
    func limit() -> Float? {
      guard
        case .ready(let active) = RecipeState.load(
          recipe, paths: bench.folder.paths, engine: bench.encoder.engine)
      else { return nil }
      #expect(active.inspector.calibration.falseAlarmRate == recipe.decision.falseAlarmRate)
      return active.inspector.calibration.imageLimit.value
    }
    let strict = try #require(limit())
    recipe.decision.falseAlarmRate = 0.3
    let lenient = try #require(limit())
    #expect(lenient < strict)
  }

  @Test func aRegionOutsideThePictureIsTheStationsFault() async throws {
    let bench = try StationBench(
      ["line": ScriptedSource(Self.script)], extra: "region:\n  x: 40\n  y: 0\n  width: 56\n  height: 56")
    let counts = try await verdicts(bench)
    #expect(counts.rejected == ["region_outside": 2])
    #expect(try bench.results(of: "line").map(\.verdict) == [.error, .error])
  }

  @Test func whatAPersonShouldKnowOfALineThatJudgesIsInTheStatus() async throws {
    let script = [ScriptedSource.Step.frame(Parts.raw(seed: 9)), .handled]
    let bench = try StationBench(
      ["line": ScriptedSource(script)], recipe: StationBench.recipe + "\ndefects: [scratch]")
    try await bench.run {
      try await StationBench.wait(for: "a verdict") { try bench.counts(of: "line").judged == 1 }
      let line = try #require(bench.station.status.lines.first)
      #expect(line.state == .running)
      #expect(line.note == "The model has no text tower: the words of recipe cell are not used.")
    }
  }

  @Test func aFlatPictureIsUndecidable() async throws {
    let flat = RawImage(
      format: .rgb24, width: 56, height: 56, bytes: [UInt8](repeating: 9, count: 56 * 56 * 3))
    let bench = try StationBench([
      "line": ScriptedSource([.frame(flat), .handled, .frame(flat)])
    ])
    let counts = try await verdicts(bench)
    #expect(counts.judged == 0 && counts.rejected == ["flat": 2])
    #expect(try bench.results(of: "line").map(\.verdict) == [.undecidable, .undecidable])
  }
}
