import ArgumentParser
import Foundation
import Messaging
import Station

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Says how a running station is.",
    discussion: """
      Asks the station's console on this machine, which answers without the broker too; with --broker, what the station \
      last said at the broker.

      Exit status:
        0   the station is well
        1   it works, but not all is well: a line does not run, its configuration is refused or an old one, the \
      broker is away, or the disk does not work or is nearly full
        2   it is not ready, or a line hangs
        69  it does not answer
      """)

  @OptionGroup var broker: BrokerOptions

  @Option(
    help: ArgumentHelp(
      "The console; by default that of the configuration in --root, else 127.0.0.1:8464.",
      valueName: "address[:port]"))
  var console: String?

  @Flag(help: "Print the message on <root>/status as it is.")
  var json = false

  func validate() throws {
    if let console { _ = try BrokerOptions.parse(console) }
  }

  func run() async throws {
    try await reportingFailures {
      let payload = broker.broker == nil ? try askConsole() : try await askBroker()
      guard let status = try? StationStatusMessage(payload: payload) else {
        throw Failure.unavailable("The station's answer is not understood; is it of another version?")
      }
      print(json ? String(decoding: payload, as: UTF8.self) : status.text(now: .now))
      if let problem = status.exitStatus { throw ExitCode(problem) }
    }
  }

  private func askConsole() throws -> [UInt8] {
    var target = ConsoleConfiguration()
    if let console {
      let (address, port) = try BrokerOptions.parse(console)
      target = ConsoleConfiguration(address: address, port: port ?? target.port)
    } else {
      // The files may be what is broken; the station then runs on others.
      let root = URL(filePath: broker.station.root ?? "/", directoryHint: .isDirectory)
      if let used = try? StationConfiguration.loadForStart(paths: StationPaths(root: root)).configuration {
        guard let console = used.console else {
          throw Failure.unavailable("The configuration has no console; ask with --broker.")
        }
        target = console
      }
    }
    return try ConsoleRequest.get("/status", address: target.address, port: target.port)
  }

  private func askBroker() async throws -> [UInt8] {
    let (observer, topics) = try await broker.observe { [$0.status] }
    let timeout = Task {
      try await Task.sleep(for: .seconds(5))
      await observer.stop()
    }
    defer { timeout.cancel() }
    for await message in observer.messages {
      await observer.stop()
      return message.payload
    }
    throw Failure.unavailable("No station has said anything at this broker on \(topics.status).")
  }
}

extension StationStatusMessage {
  /// What is not well, as an exit status; nil where all is.
  fileprivate var exitStatus: Int32? {
    if !isReady || !isHealthy { return 2 }
    let isWell =
      lines.allSatisfy { $0.state == .running } && configuration.refusal == nil && !configuration.isLastGood
      && broker.connection == MQTTStatus.Connection.online.rawValue
      && outbox.trouble == nil && evidence.trouble == nil && !evidence.isDegraded
    return isWell ? nil : 1
  }

  fileprivate func text(now: UTCTimestamp) -> String {
    let age = Double(timeUTC.nanoseconds - startedUTC.nanoseconds) / 1e9
    var text = [
      "\(station): assayd \(version), up \(Self.span(age)), "
        + "\(isReady ? "ready" : "not ready yet"), \(isHealthy ? "healthy" : "a line hangs")"
    ]
    let silence = Double(now.nanoseconds - timeUTC.nanoseconds) / 1e9
    if silence > 60 { text.append("said \(Self.span(silence)) ago") }
    text.append(
      "configuration \(configuration.hash.prefix(12)) since \(configuration.sinceUTC)"
        + (configuration.isLastGood ? ", the last good one: the files are broken" : ""))
    if let refusal = configuration.refusal {
      text.append("  refused (\(refusal.cause), \(refusal.timeUTC)):")
      text += refusal.problems.map { "    \($0)" }
    }
    let fault = broker.connection == "online" ? nil : broker.fault
    text.append(
      "broker \(broker.connection), \(outbox.waiting) results wait" + (fault.map { ": \($0)" } ?? ""))
    if let trouble = outbox.trouble { text.append("  \(trouble)") }
    text.append(
      "evidence of \(evidence.entries) frames"
        + (evidence.isDegraded ? ", less than configured: the disk is nearly full" : ""))
    if let trouble = evidence.trouble { text.append("  \(trouble)") }
    text.append("")
    let rows =
      [
        [
          "line", "state", "recipe", "fps", "captured", "judged", "replaced", "rejected", "in flight", "ok",
          "ng",
        ]
      ]
      + lines.map { line in
        let counters = line.counters
        return [
          line.line, line.state.rawValue, "\(line.recipe.id) \(line.recipe.version ?? "-")",
          line.fps.map { String(format: "%.1f", $0) } ?? "-", "\(counters.captured)", "\(counters.judged)",
          "\(counters.replaced)", "\(counters.rejected.values.reduce(0, +))", "\(counters.inFlight)",
          "\(line.verdicts.ok)", "\(line.verdicts.ng)",
        ]
      }
    text += table(rows).split(separator: "\n").map(String.init)
    for line in lines {
      if let reason = line.reason { text.append("\(line.line): \(reason)") }
      if let note = line.note { text.append("\(line.line): \(note)") }
      if let alert = line.alerts.open { text.append("\(line.line): alert \(alert) is open") }
      if line.unaccounted > 0 {
        text.append("\(line.line): \(line.unaccounted) frames are unaccounted for: please report this")
      }
      let rejected = line.counters.rejected.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
      if !rejected.isEmpty { text.append("\(line.line): rejected \(rejected.joined(separator: ", "))") }
    }
    return text.map(Terminal.harmless).joined(separator: "\n")
  }

  private static func span(_ seconds: Double) -> String {
    let minutes = Int(seconds) / 60
    if minutes < 1 { return "\(Int(seconds)) s" }
    if minutes < 120 { return "\(minutes) min" }
    return minutes < 48 * 60 ? "\(minutes / 60) h \(minutes % 60) min" : "\(minutes / 1440) days"
  }
}
