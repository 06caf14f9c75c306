import Foundation
import Imaging
import Inspection
import Logging
import Messaging
import TestSupport
import Testing

@testable import Station

/// From the frame to the alert and to the files on the disk, through a whole station.
@Suite(.timeLimit(.minutes(1))) struct AlertAndEvidenceTests {
  private static func frame(_ seed: UInt64, isDefective: Bool = false) -> ScriptedSource.Step {
    .frame(Parts.raw(seed: seed, isDefective: isDefective))
  }

  private static func script(_ letters: String) -> [ScriptedSource.Step] {
    letters.enumerated().flatMap { index, letter in
      [frame(UInt64(index), isDefective: letter == "n"), .handled]
    }
  }

  private func alerts(_ bench: StationBench) throws -> [AlertMessage] {
    var alerts: [AlertMessage] = []
    var identifier: UInt64 = 0
    while let entry = bench.station.outbox.next(after: identifier, in: .alerts) {
      identifier = entry.identifier
      #expect(entry.message.topic == "test/hall/line/alert" && entry.message.importance == .alert)
      alerts.append(try AlertMessage(payload: entry.message.payload))
    }
    return alerts
  }

  @Test func defectsRaiseAnAlertWithEvidence() async throws {
    let bench = try StationBench(
      ["line": ScriptedSource(Self.script("oonnonoooo"))],
      extra: "alerts:\n  window: 3\n  open_at: 2\n  close_after: 3\n  update_interval_s: 0\n")
    try await bench.run {
      try await StationBench.wait(for: "the frames") { try bench.counts(of: "line").judged == 10 }
      let status = try #require(bench.station.status.lines.first)
      #expect(status.alerts == .init(open: nil, opened: 1, suppressed: 0))
      // The disk may be slower than a stop may take.
      try await StationBench.wait(for: "the evidence") {
        let evidence = EvidenceFolder(bench.folder.paths.evidence)
        let worst = try self.alerts(bench).last?.resultID
        return evidence.entries().count == 4 && worst.flatMap(evidence.entry)?.isAlert == true
      }
    }
    let results = try bench.results(of: "line")
    #expect(results.map(\.verdict) == [.ok, .ok, .ng, .ng, .ok, .ng, .ok, .ok, .ok, .ok])
    let alerts = try alerts(bench)
    #expect(alerts.map(\.state) == [.opened, .updated, .closed])
    #expect(Set(alerts.map(\.alertID)).count == 1 && alerts.map(\.revision) == [1, 2, 3])
    let worst = try #require(results.filter { $0.verdict == .ng }.max { ($0.score ?? 0) < ($1.score ?? 0) })
    let last = try #require(alerts.last)
    #expect(
      last.resultID == worst.resultID && last.score == worst.score && last.region == worst.regions.first)
    #expect(last.recipe?.version == "1" && last.closing == .recovered)
    #expect(last.evidenceURI == worst.evidenceURI && worst.evidenceURI != nil)

    // Every ng and the first of the others is kept, whole, and the result says where.
    let evidence = EvidenceFolder(bench.folder.paths.evidence)
    let entries = evidence.entries()
    #expect(entries.map(\.verdict) == [.ok, .ng, .ng, .ng])
    #expect(entries.map(\.resultID) == results.filter { $0.evidenceURI != nil }.map(\.resultID))
    for entry in entries {
      let record = try evidence.record(of: entry)
      let result = try #require(results.first { $0.resultID == entry.resultID })
      #expect(record.result == result && record.omitted.isEmpty)
      #expect(
        result.evidenceURI.flatMap(URL.init(string:))?.path == entry.file(.record, in: evidence.url).path)
      #expect(Set(entry.parts.keys).isSuperset(of: [.record, .pictureJPEG, .map]))
      for file in record.files {
        let content = Array(try evidence.content(of: file, of: entry))
        #expect(try RawImage(format: .jpeg, bytes: content).decoded().picture.width == 56)
      }
    }
    #expect(entries.first { $0.resultID == worst.resultID }?.isAlert == true)
    let summary = bench.station.evidence.summary
    #expect(summary.kept == ["ng": 3, "ok": 1] && summary.entries == 4 && summary.failed == 0)
  }

  /// A command acknowledges, a restart goes on with the alert, and one of a line that is gone is closed.
  @Test(.enabled(if: Mosquitto.isAvailable, "\(Mosquitto.skipReason)"))
  func anAlertIsAcknowledgedByCommand() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    let bench = try StationBench(
      ["line": ScriptedSource(Self.script("n") + [.wait])], extra: "alerts:\n  window: 1\n  open_at: 1\n",
      brokerPort: broker.port)
    func told() throws -> [AlertMessage] {
      try everything.payloads(on: "test/hall/line/alert").map { try AlertMessage(payload: Array($0.utf8)) }
    }
    try await bench.run {
      try await StationBench.wait(for: "the alert") { try told().count == 1 }
      let topic = "test/hall/line/cmd/acknowledge"
      for (payload, outcome, sentence) in [
        ("{}", "refused", "The field by must say who"),
        (#"{"by": "J. Smith", "alert_id": "none"}"#, "refused", "which is no alert's"),
        (#"{"by": "J. Smith", "note": "lens cleaned"}"#, "done", "is acknowledged by J. Smith."),
        (#"{"by": "J. Smith"}"#, "refused", "was acknowledged by J. Smith"),
      ] {
        let answer = try await broker.request(topic, payload)
        #expect(answer.contains("\"outcome\":\"\(outcome)\"") && answer.contains(sentence))
      }
      try await StationBench.wait(for: "the acknowledgement") { try told().count == 2 }
      let alert = try #require(try told().last)
      #expect(alert.state == .updated && alert.acknowledged?.by == "J. Smith")
      #expect(alert.acknowledged?.note == "lens cleaned")
      #expect(bench.station.status.lines.first?.alerts.open == alert.alertID)
    }
    #expect(try told().count == 2)
  }

  @Test func closesTheAlertsOfLinesThatAreGone() throws {
    let outbox = MemoryOutbox()
    let session = try MQTTSession(
      MQTTConfiguration(clientID: "test"), topics: try TopicTree(root: "test/hall"), outbox: outbox,
      logger: .init(label: "test"))
    var tracker = AlertTracker(line: "gone", bootID: "old")
    tracker.configuration.openAt = 1
    let result = ResultMessage(
      resultID: ULIDGenerator().next(), bootID: "old", seq: 1, line: "gone", partID: nil, partIDSource: nil,
      recipe: nil, modelHash: nil, exposureUTC: .now, clockQuality: .arrival,
      times: .init(acquireMs: nil, waitMs: nil, inferMs: nil, postMs: nil, totalMs: nil, deadlineMet: nil),
      verdict: .ng, score: 1, threshold: 0.2, reason: nil, regions: [], mask: nil, quality: nil,
      degradations: [], evidenceURI: nil, isSimulated: false, expected: nil)
    let opened = try #require(tracker.take(result, at: .now, newID: ULIDGenerator().next).first)
    try session.deliver(opened)
    session.closeAlerts(except: ["gone"], bootID: "new")
    #expect(outbox.counts.waiting == 1)
    session.closeAlerts(except: ["other"], bootID: "new")
    session.closeAlerts(except: ["other"], bootID: "new")
    #expect(outbox.counts.waiting == 2)
    let closed = try AlertMessage(payload: try #require(outbox.newestAlerts["test/hall/gone/alert"]))
    #expect(closed.closing == .removed && closed.alertID == opened.alertID && closed.bootID == "new")
  }
}
