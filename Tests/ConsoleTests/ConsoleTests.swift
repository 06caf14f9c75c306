import Foundation
import FoundationNetworking
import Logging
import Messaging
import ServiceLifecycle
import Station
import Synchronization
import TestSupport
import Testing

@testable import Console

/// What the console answers, asked over real HTTP, and whether Prometheus's own client understands it.
@Suite struct ConsoleTests {
  /// The example of the reference.
  static func example() throws -> StationStatusMessage {
    let page = try String(contentsOf: Repository.root.appending(path: "docs/mqtt.md"), encoding: .utf8)
    let block = page.split(separator: "```json\n").first { $0.contains("assayd.station/1") }
    let text = try #require(block?.split(separator: "```").first)
    return try StationStatusMessage(payload: Array(text.utf8))
  }

  private final class Bench: Sendable {
    let status: Mutex<StationStatusMessage>
    let port = Mutex(0)

    init(_ status: StationStatusMessage) { self.status = Mutex(status) }
  }

  private static func ask(_ port: Int, _ path: String, method: String = "GET") async throws -> (
    status: Int, type: String, body: Data
  ) {
    var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
    request.httpMethod = method
    let (body, response) = try await URLSession.shared.data(for: request)
    let http = try #require(response as? HTTPURLResponse)
    return (http.statusCode, http.value(forHTTPHeaderField: "Content-Type") ?? "", body)
  }

  private func run(_ bench: Bench, _ body: (Int) async throws -> Void) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let console = ConsoleService(
      ConsoleConfiguration(address: "127.0.0.1", port: 0), logger: logger,
      onListening: { port in bench.port.withLock { $0 = port } },
      status: { bench.status.withLock { $0 } })
    let group = ServiceGroup(services: [console], logger: logger)
    let running = Task { try await group.run() }
    for _ in 0..<1000 where bench.port.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(10)) }
    let port = bench.port.withLock { $0 }
    do { try await body(port) } catch { Issue.record(error) }
    let begin = ContinuousClock.now
    await group.triggerGracefulShutdown()
    try await running.value
    #expect(.now - begin < .seconds(1))
  }

  @Test func itAnswersAndCannotBeToldAnything() async throws {
    let bench = Bench(try Self.example())
    try await run(bench) { port in
      for path in ["/healthz", "/readyz", "/status", "/metrics"] {
        #expect(try await Self.ask(port, path).status == 200, "\(path)")
        #expect(try await Self.ask(port, path, method: "POST").status >= 400, "\(path)")
      }
      #expect(try await Self.ask(port, "/../etc/passwd").status == 404)
      let status = try await Self.ask(port, "/status")
      #expect(status.type == "application/json")
      #expect(try StationStatusMessage(payload: Array(status.body)) == bench.status.withLock { $0 })
      #expect(try await Self.ask(port, "/metrics").type == "text/plain; version=0.0.4; charset=utf-8")

      bench.status.withLock {
        $0.isHealthy = false
        $0.isReady = false
      }
      #expect(try await Self.ask(port, "/healthz").status == 503)
      #expect(try await Self.ask(port, "/readyz").status == 503)
      #expect(try await Self.ask(port, "/status").status == 200)
    }
  }

  @Test func aPortThatIsTakenIsNoReasonToEnd() async throws {
    let bench = Bench(try Self.example())
    try await run(bench) { port in
      var logger = Logger(label: "test")
      logger.logLevel = .critical
      let second = ConsoleService(
        ConsoleConfiguration(address: "127.0.0.1", port: port), logger: logger,
        status: { bench.status.withLock { $0 } })
      let group = ServiceGroup(services: [second], logger: logger)
      let running = Task { try await group.run() }
      try await Task.sleep(for: .milliseconds(300))
      await group.triggerGracefulShutdown()
      try await running.value
    }
  }

  /// The page for those who read the numbers names each of them, and none that there is not.
  @Test func everyMetricIsDocumented() throws {
    let page = try String(contentsOf: Repository.root.appending(path: "docs/monitoring.md"), encoding: .utf8)
    let documented = Set(
      page.split(separator: "\n").filter { $0.hasPrefix("| `assayd_") }
        .flatMap { $0.split(separator: "|").first?.matches(of: /`(assayd_[a-z_]+)`/) ?? [] }.map {
          String($0.1)
        })
    var status = try Self.example()
    status.evidence.omitted = ["busy": 1]
    let text = MetricsPage(status).text
    let types = text.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0[1] == "TYPE" }
    #expect(Set(types.map { String($0[2]) }) == documented)
  }

  private struct Sample: Decodable {
    var name: String
    var labels: [String: String]
    var value: Double
    var type: String
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func prometheusReadsTheSameFacts() throws {
    var status = try Self.example()
    status.station = "hall \"2\" \\ north\nwing"
    let folder = try TemporaryFolder()
    let file = folder.file("metrics.txt")
    try Data(MetricsPage(status).text.utf8).write(to: file)
    let samples = try JSONDecoder().decode([Sample].self, from: try Oracle.run("metrics_page", [file.path]))
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
      let found = samples.filter { $0.name == name && $0.labels == labels }
      return found.count == 1 ? found[0].value : nil
    }
    for sample in samples {
      #expect(sample.name.hasPrefix("assayd_"))
      if sample.type == "counter" { #expect(sample.name.hasSuffix("_total")) }
    }
    #expect(samples.first { $0.name == "assayd_build_info" }?.labels["station"] == status.station)
    #expect(value("assayd_start_time_seconds") == 1_772_344_800)
    #expect(value("assayd_ready") == 1 && value("assayd_healthy") == 1)
    #expect(value("assayd_configuration_refused") == 1 && value("assayd_configuration_reloads_total") == 2)
    #expect(value("assayd_broker_connected") == 1)
    #expect(
      value("assayd_resident_memory_bytes") == 314_572_800 && value("assayd_cpu_seconds_total") == 5120.25)

    let counters = status.lines[0].counters
    func frames(_ what: String) -> Double? { value("assayd_line_\(what)", ["line": "mono"]) }
    #expect(frames("captured_frames_total") == Double(counters.captured))
    let rejected = samples.filter { $0.name == "assayd_line_rejected_frames_total" }
    #expect(rejected.count == 2 && rejected.allSatisfy { $0.labels["reason"] != nil })
    // The equation that holds always.
    var sum = 0.0
    for what in ["judged_frames_total", "replaced_frames_total", "in_flight_frames"] {
      sum += frames(what) ?? .nan
    }
    for sample in rejected { sum += sample.value }
    #expect(frames("captured_frames_total") == sum)

    #expect(frames("unaccounted_frames") == 0)

    #expect(frames("alert_open") == 1 && frames("alerts_opened_total") == 1)
    #expect(frames("alerts_suppressed_total") == 0)
    #expect(value("assayd_evidence_entries") == 61 && value("assayd_evidence_degraded") == 0)
    #expect(value("assayd_evidence_kept_frames_total", ["verdict": "ok"]) == 12)
    #expect(value("assayd_evidence_deleted_entries_total", ["reason": "age"]) == 3)
    #expect(value("assayd_line_state", ["line": "mono", "state": "running"]) == 1)
    #expect(value("assayd_line_state", ["line": "mono", "state": "no_device"]) == 0)
    #expect(value("assayd_line_verdicts_total", ["line": "mono", "verdict": "ng"]) == 7)
    #expect(value("assayd_line_latency_seconds_bucket", ["line": "mono", "le": "0.05"]) == 310)
    #expect(value("assayd_line_latency_seconds_bucket", ["line": "mono", "le": "0.075"]) == 1180)
    #expect(value("assayd_line_latency_seconds_bucket", ["line": "mono", "le": "+Inf"]) == 1192)
    #expect(value("assayd_line_latency_seconds_count", ["line": "mono"]) == 1192)
    #expect(value("assayd_line_latency_seconds_sum", ["line": "mono"]) == 65.5605)
  }
}
