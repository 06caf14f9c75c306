import Capture
import Foundation
import Imaging
import Inspection
import Messaging
import Testing

@testable import Station

/// One sick line never slows another, and a station under load stops in time.
@Suite struct SickLineTests {
  private static let good = ScriptedSource.Step.frame(Parts.raw(seed: 1))
  private static let steady = [ScriptedSource.Step](
    (0..<40).flatMap { _ in [good, .pause(.milliseconds(10))] })

  @Test func aLineWithFaultyNeighboursJudgesEveryFrame() async throws {
    let bench = try StationBench(
      [
        "steady": ScriptedSource(Self.steady),
        "blocks": ScriptedSource([Self.good, .hang(.milliseconds(900))]),
        "faults": ScriptedSource([.fault(.unplugged), .rejected(.driverError), Self.good], repeats: true),
        "floods": ScriptedSource([Self.good], repeats: true),
      ], encoder: PatchEncoder(delay: .microseconds(500)))
    try await bench.run {
      try await StationBench.wait(for: "forty frames", seconds: 20) {
        try bench.counts(of: "steady").captured == 40 && bench.counts(of: "steady").inFlight == 0
      }
    }
    let counts = try bench.counts(of: "steady")
    // The machine may be busy with other work; but one line that waits for another would lose most frames.
    #expect(counts.judged >= 36)
    let waits = try bench.results(of: "steady").compactMap(\.times.waitMs).sorted()
    #expect(waits.quantile(0.5) < 20)
    #expect(try bench.counts(of: "floods").replaced > 0)
    for line in ["steady", "blocks", "faults", "floods"] {
      #expect(try bench.counts(of: line).inFlight == 0)
    }
  }

  @Test func aStationUnderLoadStopsWithinTwoSeconds() async throws {
    let lines = Dictionary(
      uniqueKeysWithValues: (0..<4).map { ("line\($0)", ScriptedSource([Self.good], repeats: true)) })
    let bench = try StationBench(lines, encoder: PatchEncoder(delay: .milliseconds(20)))
    let duration = try await bench.run { try await Task.sleep(for: .milliseconds(300)) }
    #expect(duration < .seconds(2))
    for line in lines.keys {
      let counts = try bench.counts(of: line)
      #expect(counts.inFlight == 0 && counts.judged > 0)
    }
    #expect(lines.values.allSatisfy { $0.hasEnded })
  }

  @Test func aDriverThatDoesNotComeBackDoesNotHoldUpTheStop() async throws {
    let bench = try StationBench(["dead": ScriptedSource([Self.good, .hang(.seconds(4))])])
    let duration = try await bench.run {
      try await StationBench.wait(for: "the frame") { try bench.counts(of: "dead").judged == 1 }
    }
    #expect(duration < .seconds(2))
    #expect(try bench.counts(of: "dead").inFlight == 0)
  }
}
