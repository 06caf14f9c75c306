import Capture
import Foundation
import Imaging
import Inspection
import Logging
import Messaging
import Synchronization
import Testing

@testable import Station

/// One sick line never slows another, and a station under load stops in time.
@Suite struct SickLineTests {
  private static let good = ScriptedSource.Step.frame(Parts.raw(seed: 1))
  /// Each of the steady line's frames comes when the one before has been judged. So the test does not depend on how
  /// fast the machine is, and a line that had to wait for another would not get through its frames.
  @Test func aLineWithFaultyNeighboursJudgesEveryFrame() async throws {
    let encoder = PatchEncoder()
    let defective = ScriptedSource.Step.frame(Parts.raw(seed: 1, isDefective: true))
    let bench = try StationBench(
      [
        "steady": ScriptedSource((0..<20).flatMap { _ in [Self.good, .handled] }),
        "blocks": ScriptedSource([Self.good, .hang(.milliseconds(1500))]),
        "faults": ScriptedSource(
          [.fault(.unplugged), .rejected(.driverError), .pause(.milliseconds(1))], repeats: true),
        "floods": ScriptedSource([Self.good, Self.good, .pause(.milliseconds(1))], repeats: true),
        // Its judging never comes back.
        "hangs": ScriptedSource([defective, .until { encoder.isHangingOnDefect }, Self.good, Self.good]),
      ], encoder: encoder)
    encoder.hangOnDefects(true)
    try await bench.run {
      try await StationBench.wait(for: "twenty verdicts", seconds: 20) {
        try bench.counts(of: "steady").judged == 20
      }
      #expect(try bench.counts(of: "hangs").judged == 0)
    }
    encoder.hangOnDefects(false)
    let counts = try bench.counts(of: "steady")
    #expect(counts.replaced == 0 && counts.rejectedTotal == 0)
    #expect(try bench.counts(of: "floods").judged > 0)
    #expect(try bench.counts(of: "faults").rejected["driver_error", default: 0] > 0)
    // The one that hung and the one in the mailbox.
    #expect(try bench.counts(of: "hangs").rejected == ["stopped": 2])
    for line in ["steady", "blocks", "faults", "floods", "hangs"] {
      #expect(try bench.counts(of: line).inFlight == 0)
    }
  }

  /// The camera is back long before the next look at the lines.
  @Test func aFaultThatIsOverAtOnceIsInTheLog() async throws {
    let log = RecordingLog()
    let script = ScriptedSource([Self.good, .handled, .fault(.streamError), .running, Self.good, .handled])
    let bench = try StationBench(["press": script], logLevel: .warning, log: log)
    try await bench.run {
      try await StationBench.wait(for: "the log") {
        log.lines.contains { $0.contains("stream_error") && $0.contains("line: press") }
      }
    }
    #expect(log.lines.count { $0.contains("stream_error") } == 1)
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

/// Keeps what is logged.
private struct RecordingLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace
  private let kept = Kept()

  private final class Kept: Sendable { let lines = Mutex<[String]>([]) }

  var lines: [String] { kept.lines.withLock { $0 } }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let text = fields.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    kept.lines.withLock { $0.append("\(event.message) (\(text))") }
  }
}
