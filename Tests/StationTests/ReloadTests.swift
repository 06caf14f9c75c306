import Capture
import Foundation
import Imaging
import Inspection
import Messaging
import TestSupport
import Testing

@testable import Station

/// A changed configuration is taken over while frames come: whole or not at all, and every frame is accounted for.
@Suite struct ReloadTests {
  private static let frame = ScriptedSource.Step.frame(Parts.raw(seed: 100))

  private static let defective = ScriptedSource.Step.frame(Parts.raw(seed: 100, isDefective: true))

  /// So many frames, each when the one before has been dealt with.
  private static func steps(_ count: Int, of frame: ScriptedSource.Step = frame) -> [ScriptedSource.Step] {
    (0..<count).flatMap { _ in [frame, .handled, .pause(.milliseconds(1))] }
  }

  private func changes(_ outcome: Reloader.Outcome) -> [String]? {
    if case .done(let changes) = outcome { changes } else { nil }
  }

  /// What was refused, one a line, without the folder's own path.
  private func problems(_ outcome: Reloader.Outcome, _ bench: StationBench) -> [String] {
    guard case .refused(let error) = outcome else { return [] }
    return error.problems.map {
      $0.description.replacing(bench.folder.folder.url.path + "/", with: "").replacing(
        "etc/assayd/", with: "")
    }
  }

  private func waitForAll(_ bench: StationBench, _ frames: [String: UInt64]) async throws {
    for (line, count) in frames {
      try await StationBench.wait(for: "the frames of \(line)", seconds: 20) {
        try bench.counts(of: line).captured == count && bench.counts(of: line).inFlight == 0
      }
    }
  }

  @Test func aNewThresholdAndARegionCostNoFrameOfAnyLine() async throws {
    let bench = try StationBench([
      "a": ScriptedSource(Self.steps(200)), "b": ScriptedSource(Self.steps(200, of: Self.defective)),
    ])
    try bench.addRecipe("lax", replacing: "threshold: 0.2", with: "threshold: 2")
    try await bench.run {
      try await StationBench.wait(for: "some verdicts") {
        try bench.counts(of: "a").judged > 20 && bench.counts(of: "b").judged > 20
      }
      try bench.write(line: "b", StationBench.line(camera: "b").replacing("cell", with: "lax"))
      #expect(changes(await bench.reload()) == ["line b: recipe lax"])
      try bench.write(
        line: "b",
        StationBench.line("region:\n  x: 0\n  y: 0\n  width: 54\n  height: 56", camera: "b").replacing(
          "cell", with: "lax"))
      #expect(changes(await bench.reload()) == ["line b: region"])
      #expect(changes(await bench.reload()) == [])
      try await waitForAll(bench, ["a": 200, "b": 200])
    }
    for line in ["a", "b"] {
      let counts = try bench.counts(of: line)
      #expect(counts.judged == 200 && counts.replaced == 0 && counts.rejectedTotal == 0)
      #expect(try bench.results(of: line).map(\.seq) == Array(1...200))
    }
    #expect(try bench.results(of: "a").allSatisfy { $0.verdict == .ok && $0.recipe?.id == "cell" })
    // Each frame by one recipe from beginning to end, and no way back.
    let verdicts = try bench.results(of: "b").map(\.verdict)
    let first = try #require(verdicts.firstIndex(of: .ok))
    #expect(
      first > 20 && verdicts[..<first].allSatisfy { $0 == .ng } && verdicts[first...].allSatisfy { $0 == .ok }
    )
    #expect(try bench.results(of: "b")[first...].allSatisfy { $0.recipe?.id == "lax" })
  }

  @Test func anotherCameraCostsNoFrameThatWasCaptured() async throws {
    // A camera takes longer to open than the last frame of the one before takes to be judged.
    let second = ScriptedSource([.handled] + Self.steps(50))
    let first = ScriptedSource(Self.steps(1), repeats: true)
    let bench = try StationBench(
      ["a": first, "b": ScriptedSource(Self.steps(200))], cameras: ["other": second])
    second.setHandled { [weak station = bench.station] in station?.counts["a"]?.inFlight == 0 }
    try await bench.run {
      try await StationBench.wait(for: "some verdicts") { try bench.counts(of: "a").judged > 20 }
      try bench.write(line: "a", StationBench.line(camera: "other"))
      #expect(changes(await bench.reload()) == ["line a: camera"])
      try await StationBench.wait(for: "the frames of the second camera") { second.counters.captured == 50 }
      try await waitForAll(bench, ["b": 200])
      try await StationBench.wait(for: "the last frame") { try bench.counts(of: "a").inFlight == 0 }
    }
    #expect(first.hasEnded)
    let counts = try bench.counts(of: "a")
    #expect(counts.captured == first.counters.captured + 50)
    #expect(counts.judged == counts.captured && counts.replaced == 0 && counts.rejectedTotal == 0)
    #expect(try bench.results(of: "a").map(\.seq) == Array(1...counts.judged))
    #expect(try bench.counts(of: "b").judged == 200)
  }

  /// Where frames come faster than they are judged some are replaced, and a reload at any moment loses none of the books.
  @Test func theBooksBalanceUnderAFloodOfFramesAndReloads() async throws {
    let first = ScriptedSource([Self.frame], repeats: true)
    let second = ScriptedSource([Self.frame], repeats: true)
    let bench = try StationBench(
      ["a": first], encoder: PatchEncoder(delay: .milliseconds(1)), cameras: ["other": second])
    try await bench.run {
      for round in 0..<6 {
        let extra = round.isMultiple(of: 2) ? "deadline_ms: \(100 + round)" : ""
        try bench.write(line: "a", StationBench.line(extra, camera: round < 3 ? "a" : "other"))
        _ = await bench.reload()
        for _ in 0..<50 {
          // Fewer than none would trap here, and more than three would be lost ones.
          #expect(try bench.counts(of: "a").inFlight <= 3)
        }
      }
      try await StationBench.wait(for: "the second camera") { second.counters.captured > 10 }
    }
    let counts = try bench.counts(of: "a")
    #expect(counts.captured == first.counters.captured + second.counters.captured)
    #expect(counts.inFlight == 0 && counts.judged > 0)
    #expect(counts.captured == counts.judged + counts.replaced + counts.rejectedTotal)
    // Only the frames in hand and in the mailbox at the stop.
    #expect(counts.rejectedTotal <= 2 && Set(counts.rejected.keys).isSubset(of: ["stopped"]))
  }

  @Test func linesComeAndGoAndGoOnCounting() async throws {
    let later = ScriptedSource(Self.steps(30))
    let bench = try StationBench(
      ["a": ScriptedSource(Self.steps(300)), "b": ScriptedSource(Self.steps(1), repeats: true)],
      cameras: ["later": later])
    later.setHandled { [weak station = bench.station] in station?.counts["b"]?.inFlight == 0 }
    try await bench.run {
      try await StationBench.wait(for: "some verdicts") { try bench.counts(of: "b").judged > 5 }
      let line = try #require(bench.station.roster.line("b"))
      let file = bench.folder.paths.lines.appending(path: "b.yaml")
      try FileManager.default.removeItem(at: file)
      #expect(changes(await bench.reload()) == ["line b removed"])
      #expect(bench.station.counts["b"] == nil)
      let counts = line.counts
      #expect(counts.inFlight == 0 && counts.rejectedTotal <= 1 && counts.replaced == 0)
      #expect(counts.captured == counts.judged + counts.rejectedTotal)
      #expect(bench.station.status.lines.map(\.line) == ["a"])

      try bench.write(line: "b", StationBench.line(camera: "later"))
      #expect(changes(await bench.reload()) == ["line b added"])
      try await waitForAll(bench, ["a": 300, "b": counts.captured + 30])
      #expect(try bench.counts(of: "b").judged == counts.judged + 30)
    }
    #expect(try bench.counts(of: "a").judged == 300)
    let numbers = try bench.results(of: "b").map(\.seq)
    #expect(numbers == Array(1...UInt64(numbers.count)))
  }

  @Test func controlsChangeWithoutClosingTheCamera() async throws {
    let source = ScriptedSource(Self.steps(1), repeats: true)
    let bench = try StationBench(["a": source])
    func line(_ control: String) -> String {
      StationBench.line(camera: "a").replacing(
        "device: a\n", with: "device: a\n  controls:\n    \(control)\n")
    }
    try await bench.run {
      try await StationBench.wait(for: "a verdict") { try bench.counts(of: "a").judged > 0 }
      try bench.write(line: "a", line("gain: 8"))
      #expect(changes(await bench.reload()) == ["line a: camera"])
      #expect(source.adjustments == [["gain": 8]])
      try bench.write(line: "a", line("gian: 9"))
      #expect(
        problems(await bench.reload(), bench) == [
          "lines/a.yaml:3: `camera.controls`: gian is not a control of this camera."
        ])
      #expect(source.adjustments == [["gain": 8]] && !source.hasEnded)
      #expect(try bench.counts(of: "a").rejectedTotal == 0)
    }
    // The camera delivers to the end: the stop may meet a frame that nobody has taken yet.
    let rejected = try bench.counts(of: "a").rejected
    #expect(rejected.isEmpty || rejected == ["stopped": 1])
  }

  @Test func aWrongConfigurationIsRefusedWholeAndTheOldGoesOn() async throws {
    let bench = try StationBench(["a": ScriptedSource(Self.steps(1), repeats: true)])
    try bench.addRecipe("strict", replacing: "threshold: 0.2", with: "threshold: 0.00001")
    try await bench.run {
      try await StationBench.wait(for: "a verdict") { try bench.counts(of: "a").judged > 0 }
      let hash = bench.station.status.configuration.hash
      // One file is right and would change much, another is wrong.
      try bench.write(line: "a", StationBench.line(camera: "a").replacing("cell", with: "strict"))
      try bench.write(line: "b", "camera:\n  device: b\nrecipe: cel\n")
      let expected =
        "lines/b.yaml:3:9: `recipe` is `cel`, but there is no file recipes/cel.yaml (there are: cell, strict); "
        + "did you mean `cell`?"
      #expect(problems(await bench.reload(), bench) == [expected])
      let status = bench.station.status.configuration
      #expect(status.hash == hash && status.reloads == 1 && status.refusals == 1 && !status.isLastGood)
      #expect(status.refusal?.cause == "SIGHUP")
      #expect(status.refusal?.problems.first?.hasSuffix(expected) == true)
      #expect(bench.station.status.lines.map(\.recipe.id) == ["cell"])

      let judged = try bench.counts(of: "a").judged
      try await StationBench.wait(for: "more verdicts") { try bench.counts(of: "a").judged > judged + 5 }
      try FileManager.default.removeItem(at: bench.folder.paths.lines.appending(path: "b.yaml"))
      #expect(changes(await bench.reload()) == ["line a: recipe strict"])
      #expect(bench.station.status.configuration.refusal == nil)
      #expect(bench.station.status.configuration.hash != hash)
    }
    #expect(try bench.counts(of: "a").rejectedTotal <= 1)
  }

  @Test(arguments: [
    ("root_topic: test/hall", "root_topic: test/yard", "assayd.yaml:2: `root_topic` differs"),
    ("host: 127.0.0.1", "host: 127.0.0.2", "assayd.yaml:3: `broker` differs"),
    ("model:", "compute:\n  threads: 3\nmodel:", "assayd.yaml:6: `compute` differs"),
    ("model:", "console:\n  port: 9000\nmodel:", "assayd.yaml:6: `console` differs"),
  ])
  func whatIsFixedWhileTheStationRunsIsRefused(old: String, new: String, problem: String) async throws {
    let bench = try StationBench(["a": ScriptedSource([])])
    try await bench.run {
      let file = bench.folder.paths.stationFile
      let text = try String(contentsOf: file, encoding: .utf8)
      try bench.folder.write("etc/assayd/assayd.yaml", text.replacing(old, with: new))
      let problems = problems(await bench.reload(), bench)
      #expect(problems.count == 1 && problems.first?.hasPrefix(problem) == true, "\(problems)")
    }
  }

  @Test func aRecipeThatCannotJudgeIsRefusedAndOneThatIsNotEnrolledIsNot() async throws {
    let bench = try StationBench(["a": ScriptedSource(Self.steps(1), repeats: true)])
    try bench.addRecipe("other", replacing: "blocks: [1]", with: "blocks: [2]")
    try bench.folder.write("etc/assayd/recipes/new.yaml", StationBench.recipe)
    try await bench.run {
      try bench.write(line: "a", StationBench.line(camera: "a").replacing("cell", with: "other"))
      let refused = problems(await bench.reload(), bench)
      #expect(
        refused.count == 1 && refused.first?.hasPrefix("recipes/other.yaml:2: Recipe other: ") == true,
        "\(refused)")
      try bench.write(line: "a", StationBench.line(camera: "a").replacing("cell", with: "new"))
      #expect(changes(await bench.reload()) == ["line a: recipe new"])
      try await StationBench.wait(for: "the state") { bench.station.status.lines[0].state == .faulted }
    }
  }

  @Test func aNewVersionOnDiskIsTakenOver() async throws {
    let bench = try StationBench(["a": ScriptedSource(Self.steps(1), repeats: true)])
    try await bench.run {
      try bench.enrolReferences()
      #expect(changes(await bench.reload()) == ["line a: recipe cell as it is now"])
      #expect(bench.station.status.lines.map(\.recipe.version) == ["2"])
    }
  }

  @Test func goldenPicturesMustStillBeJudgedAsRecorded() async throws {
    let bench = try StationBench(["a": ScriptedSource(Self.steps(1), repeats: true)])
    try bench.folder.write("golden/ok/1.png", Data(try Parts.picture(seed: 9).pngData()))
    try bench.folder.write("golden/ng/2.png", Data(try Parts.picture(seed: 9, isDefective: true).pngData()))
    func recipe(_ threshold: String) throws {
      try bench.folder.write(
        "etc/assayd/recipes/cell.yaml",
        StationBench.recipe.replacing("threshold: 0.2", with: "threshold: \(threshold)")
          + "\ngolden: golden\n")
    }
    try await bench.run {
      try recipe("2")
      let lax = problems(await bench.reload(), bench)
      #expect(
        lax.first?.hasPrefix("recipes/cell.yaml:11: The golden picture ng/2.png is now judged ok (score ")
          == true,
        "\(lax)")
      #expect(lax.count == 1 && bench.station.status.configuration.refusals == 1)
      try recipe("0.19")
      #expect(changes(await bench.reload()) == ["line a: recipe cell as it is now"])
    }
    #expect(try bench.results(of: "a").allSatisfy { $0.verdict == .ok })
  }

  @Test func anEnrolmentThatFailsTheProofLeavesNothing() async throws {
    let script = (0..<8).flatMap { [ScriptedSource.Step.frame(Parts.raw(seed: UInt64(200 + $0))), .handled] }
    let bench = try StationBench(
      ["a": ScriptedSource(script, repeats: true)], recipe: StationBench.recipe + "\ngolden: golden\n",
      folders: ["golden"])
    try bench.folder.write("golden/ng/1.png", Data(try Parts.picture(seed: 9).pngData()))
    func versions() -> [URL] { RecipeVersion.all(in: bench.folder.paths.versions(of: "cell")) }
    func enrol() async throws {
      bench.station.commands.receive(
        MQTTCommand(line: "a", verb: "enrol", payload: Array(#"{"count": 4, "reason": "test"}"#.utf8)))
      try await StationBench.wait(for: "the enrolment's end") { bench.station.commands.recipesInWork.isEmpty }
    }
    try await bench.run {
      try await enrol()
      #expect(versions().count == 1)
      #expect(bench.station.status.lines.map(\.recipe.version) == ["1"])
      try FileManager.default.moveItem(
        at: bench.folder.folder.file("golden/ng"), to: bench.folder.folder.file("golden/ok"))
      try await enrol()
      #expect(versions().count == 2)
      #expect(bench.station.status.lines.map(\.recipe.version) == ["2"])
    }
  }
}
