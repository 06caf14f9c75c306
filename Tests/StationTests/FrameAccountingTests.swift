import Capture
import Foundation
import Imaging
import Inspection
import Messaging
import TestSupport
import Testing

@testable import Station

/// captured = judged + replaced + rejected, whatever happens.
@Suite struct FrameAccountingTests {
  private static let good = ScriptedSource.Step.frame(Parts.raw(seed: 1))
  private static let damaged = ScriptedSource.Step.frame(
    RawImage(format: .jpeg, width: 0, height: 0, bytes: [0xFF, 0xD8, 0xFF, 0xDB, 0, 1]))

  @Test func aFloodIsThinnedAndNothingIsLost() async throws {
    let script = Array(repeating: Self.good, count: 3000)
    let bench = try StationBench(
      ["flood": ScriptedSource(script)], encoder: PatchEncoder(delay: .milliseconds(2)))
    try await bench.run {
      try await StationBench.wait(for: "the flood's end") {
        try bench.counts(of: "flood").captured == 3000 && bench.counts(of: "flood").inFlight == 0
      }
    }
    let counts = try bench.counts(of: "flood")
    #expect(counts.captured == 3000)
    #expect(counts.judged + counts.replaced == 3000)
    #expect(counts.replaced > 0 && counts.judged > 0)
    let results = try bench.results(of: "flood")
    #expect(UInt64(results.count) == counts.judged)
    #expect(results.map(\.seq) == Array(1...counts.judged))
    #expect(Set(results.map(\.resultID)).count == results.count)
  }

  @Test func theCountsNeverDisagreeWhileFramesFly() async throws {
    let script: [ScriptedSource.Step] = [
      Self.good, Self.damaged, .rejected(.driverError), Self.good, Self.good,
    ]
    let bench = try StationBench(["mixed": ScriptedSource(script, repeats: true)])
    try await bench.run {
      for _ in 0..<2000 {
        // Fewer than none would trap here, and more than three would be lost ones.
        let counts = try bench.counts(of: "mixed")
        #expect(counts.inFlight <= 3)
      }
      for _ in 0..<100 { #expect(bench.station.status.lines.map(\.unaccounted) == [0]) }
    }
    #expect(try bench.counts(of: "mixed").inFlight == 0)
  }

  @Test func framesThatAreNowhereAreSaidToBe() async throws {
    let script = Array(repeating: ScriptedSource.Step.lost, count: 5) + [.frame(Parts.raw(seed: 1))]
    let bench = try StationBench(["line": ScriptedSource(script)])
    try await bench.run {
      try await StationBench.wait(for: "the good frame") { try bench.counts(of: "line").judged == 1 }
      // Three of the five may still be on their way.
      #expect(bench.station.status.lines.map(\.unaccounted) == [2])
    }
    var counts = FrameCounts()
    (counts.captured, counts.judged) = (4, 5)
    #expect(counts.unaccounted(places: 3) == 1 && counts.inFlight == 0)
  }

  /// Some cameras leave bytes between two frames: nothing is missing, so the frame is judged, and counted all the same.
  @Test func framesWithHarmlessWarningsAreJudgedAndCounted() async throws {
    let jpeg = try Parts.raw(seed: 1).decoded().picture.jpegData(quality: 95)
    let start = Array(jpeg[..<2])  // SOI, then stray bytes before the next marker
    let odd = RawImage(format: .jpeg, width: 0, height: 0, bytes: start + [0, 1, 2] + jpeg[2...])
    let bench = try StationBench(["odd": ScriptedSource([.frame(odd), .handled, Self.good])])
    try await bench.run {
      try await StationBench.wait(for: "two frames") {
        try bench.counts(of: "odd").captured == 2 && bench.counts(of: "odd").inFlight == 0
      }
    }
    let counts = try bench.counts(of: "odd")
    #expect(counts.judged == 2 && counts.withWarnings == 1 && counts.rejectedTotal == 0)
    #expect(try bench.results(of: "odd").map { $0.quality?.warnings.isEmpty } == [false, true])
  }

  @Test func damagedAndTornFramesAreRejectedByReasonAndSaidToBeUndecidable() async throws {
    let script: [ScriptedSource.Step] = [
      Self.damaged, .handled, .rejected(.driverError), .rejected(.short),
      .frame(RawImage(format: .rgb24, width: 56, height: 56, bytes: [1, 2, 3])), .handled,
      Self.good,
    ]
    let bench = try StationBench(["torn": ScriptedSource(script)])
    try await bench.run {
      try await StationBench.wait(for: "five frames") {
        try bench.counts(of: "torn").captured == 5 && bench.counts(of: "torn").inFlight == 0
      }
    }
    let counts = try bench.counts(of: "torn")
    #expect(counts.judged == 1)
    #expect(counts.rejected["driver_error"] == 1)
    #expect(counts.rejected["short"] == 1)
    #expect(counts.rejectedTotal == 4)
    let results = try bench.results(of: "torn")
    #expect(results.map(\.verdict) == [.undecidable, .undecidable, .undecidable, .undecidable, .ok])
    #expect(results.map(\.opcEvaluation) == [3, 3, 3, 3, 1])
    #expect(results.map(\.seq) == [1, 2, 3, 4, 5])
    #expect(results[1].reason == "The frame cannot be used: the driver marked it as torn.")
  }

  @Test func whatIsInTheMailboxAtTheStopIsCountedAsStopped() async throws {
    let encoder = PatchEncoder()
    let source = ScriptedSource([Self.good, .until { encoder.callCount > 0 }, Self.good, Self.good])
    let bench = try StationBench(["line": source], encoder: encoder)
    encoder.resetCallCount()
    encoder.hang(true)
    let duration = try await bench.run {
      try await StationBench.wait(for: "three frames") { try bench.counts(of: "line").captured == 3 }
      try await StationBench.wait(for: "one overtaken") { try bench.counts(of: "line").replaced == 1 }
      Thread.detachNewThread {
        while !source.hasEnded { usleep(1000) }
        usleep(50_000)
        encoder.hang(false)
      }
    }
    #expect(duration < .seconds(2))
    let counts = try bench.counts(of: "line")
    #expect(counts.judged == 1 && counts.replaced == 1)
    #expect(counts.rejected == ["stopped": 1])
    #expect(counts.inFlight == 0)
  }

  @Test func aFrameWhoseJudgingNeverEndsIsGivenUpAtTheStop() async throws {
    let encoder = PatchEncoder()
    let bench = try StationBench(["line": ScriptedSource([Self.good])], encoder: encoder)
    encoder.resetCallCount()
    encoder.hang(true)
    let duration = try await bench.run {
      try await StationBench.wait(for: "the judging") { encoder.callCount > 0 }
    }
    #expect(duration < .seconds(2))
    #expect(try bench.counts(of: "line").rejected == ["stopped": 1])
    encoder.hang(false)
    try await Task.sleep(for: .milliseconds(100))
    let counts = try bench.counts(of: "line")
    #expect(counts.inFlight == 0 && counts.judged == 0)
    #expect(try bench.results(of: "line").isEmpty)
  }
}
