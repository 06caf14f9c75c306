import Messaging

/// A station's status as numbers, in Prometheus's text format 0.0.4 (prometheus.io, "Exposition formats").
struct MetricsPage {
  private(set) var text = ""

  private enum Kind: String { case counter, gauge, histogram }
  private typealias Labels = [(String, String)]

  init(_ status: StationStatusMessage) {
    addStation(status)
    addBroker(status)
    addEvidence(status.evidence)
    for line in Self.lineMetrics { add(line, status.lines) }
    addHistograms(status.lines)
  }

  // MARK: the station

  private mutating func addStation(_ status: StationStatusMessage) {
    add(
      "assayd_build_info", .gauge, "What runs; always 1.",
      [
        (
          [
            ("station", status.station), ("version", status.version),
            ("instruction_set", status.instructionSet ?? ""), ("model", status.modelHash ?? ""),
          ], 1
        )
      ])
    add("assayd_start_time_seconds", "When the program started, since 1970.", status.startedUTC.seconds)
    add("assayd_ready", "1 once the first line is up.", status.isReady)
    add("assayd_healthy", "1 while no frame hangs.", status.isHealthy)
    let configuration = status.configuration
    add(
      "assayd_configuration_info", .gauge, "The configuration in use; always 1.",
      [([("hash", configuration.hash)], 1)])
    add(
      "assayd_configuration_load_time_seconds", "When it was taken into use, since 1970.",
      configuration.sinceUTC.seconds)
    add(
      "assayd_configuration_last_good", "1 where it is the last good one, because the files were broken.",
      configuration.isLastGood)
    add(
      "assayd_configuration_refused", "1 while the files as they are now are refused.",
      configuration.refusal != nil)
    add(
      "assayd_configuration_reloads_total", .counter, "How often the files were read again.",
      [([], Double(configuration.reloads))])
    add(
      "assayd_configuration_refusals_total", .counter, "How often they were refused.",
      [([], Double(configuration.refusals))])
    add("assayd_resident_memory_bytes", "Memory of the process.", Double(status.process.residentBytes))
    add(
      "assayd_cpu_seconds_total", .counter, "Computing time of the process, all threads together.",
      [([], status.process.cpuSeconds)])
  }

  private mutating func addBroker(_ status: StationStatusMessage) {
    let broker = status.broker
    add("assayd_broker_connected", "1 while the broker is there.", broker.connection == "online")
    add(
      "assayd_broker_connects_total", .counter, "Connections the broker accepted.",
      [([], Double(broker.connects))])
    add(
      "assayd_broker_failures_total", .counter, "Attempts that failed and connections that broke.",
      [([], Double(broker.failures))])
    add(
      "assayd_broker_dropped_messages_total", .counter, "Messages that are worth nothing when late.",
      [([], Double(broker.dropped))])
    let outbox = status.outbox
    add(
      "assayd_outbox_waiting_messages", "Results and alerts that wait for the broker.", Double(outbox.waiting)
    )
    add("assayd_outbox_waiting_bytes", "Their size.", Double(outbox.waitingBytes))
    add(
      "assayd_outbox_unwritten_messages", "Those of them that are not on the disk.", Double(outbox.unwritten))
    for (name, help, value) in [
      ("appended", "Results and alerts that were produced.", outbox.appended),
      ("recovered", "Those an earlier run of the program left.", outbox.recovered),
      ("acknowledged", "Those the broker has.", outbox.acknowledged),
      ("refused", "Those refused for good.", outbox.rejected),
    ] {
      add("assayd_outbox_\(name)_messages_total", .counter, help, [([], Double(value))])
    }
    add(
      "assayd_outbox_dropped_messages_total", .counter, "Those that gave way, by reason.",
      [
        ([("reason", "age")], Double(outbox.droppedFor.age)),
        ([("reason", "space")], Double(outbox.droppedFor.space)),
        ([("reason", "damage")], Double(outbox.droppedFor.damage)),
      ])
  }

  private mutating func addEvidence(_ evidence: EvidenceSummary) {
    add("assayd_evidence_entries", "Judged frames whose evidence is on the disk.", Double(evidence.entries))
    add("assayd_evidence_bytes", "Their size.", Double(evidence.bytes))
    if let free = evidence.freeBytes {
      add("assayd_evidence_free_bytes", "Free on their file system.", Double(free))
    }
    add(
      "assayd_evidence_degraded", "1 while less is kept than configured, for want of room.",
      evidence.isDegraded)
    for (name, label, help, counts) in [
      ("kept_frames", "verdict", "Frames whose evidence was kept, by verdict.", evidence.kept),
      ("deleted_entries", "reason", "Entries deleted, by reason.", evidence.deleted),
      ("omitted", "what", "What was left out, by kind.", evidence.omitted),
    ] {
      add(
        "assayd_evidence_\(name)_total", .counter, help,
        counts.sorted { $0.key < $1.key }.map { ([(label, $0.key)], Double($0.value)) })
    }
    add(
      "assayd_evidence_failed_total", .counter, "Frames whose evidence could not be written after all.",
      [([], Double(evidence.failed))])
  }

  // MARK: lines

  private struct LineMetric {
    var name: String
    var kind: Kind
    var help: String
    var values: @Sendable (StationStatusMessage.Line) -> [(Labels, Double)]
  }

  private static let lineMetrics: [LineMetric] = [
    LineMetric(
      name: "assayd_line_state", kind: .gauge, help: "1 for the state the line is in, 0 for the others."
    ) { line in
      StatusMessage.State.allCases.map { ([("state", $0.rawValue)], $0 == line.state ? 1 : 0) }
    },
    LineMetric(name: "assayd_line_recipe_info", kind: .gauge, help: "The recipe the line runs; always 1.") {
      [
        (
          [("recipe", $0.recipe.id), ("version", $0.recipe.version ?? ""), ("hash", $0.recipe.hash ?? "")],
          1
        )
      ]
    },
    LineMetric(
      name: "assayd_line_captured_frames_total", kind: .counter,
      help: "Frames taken from the camera: judged + replaced + rejected + in flight, always."
    ) { [([], Double($0.counters.captured))] },
    LineMetric(name: "assayd_line_judged_frames_total", kind: .counter, help: "Frames with a score.") {
      [([], Double($0.counters.judged))]
    },
    LineMetric(
      name: "assayd_line_replaced_frames_total", kind: .counter,
      help: "Frames a newer one pushed out before they could be judged."
    ) { [([], Double($0.counters.replaced))] },
    LineMetric(
      name: "assayd_line_rejected_frames_total", kind: .counter,
      help: "Frames that could not be judged, by reason."
    ) { line in
      line.counters.rejected.sorted { $0.key < $1.key }.map { ([("reason", $0.key)], Double($0.value)) }
    },
    LineMetric(
      name: "assayd_line_in_flight_frames", kind: .gauge, help: "Frames on their way through the station."
    ) { [([], Double($0.counters.inFlight))] },
    LineMetric(
      name: "assayd_line_unaccounted_frames", kind: .gauge,
      help: "Frames that the counters do not explain; anything but 0 is a fault of the program."
    ) { [([], Double($0.unaccounted))] },
    LineMetric(
      name: "assayd_line_warned_frames_total", kind: .counter,
      help: "Frames decoded with a harmless warning, whatever became of them."
    ) { [([], Double($0.counters.withWarnings))] },
    LineMetric(name: "assayd_line_verdicts_total", kind: .counter, help: "Results, by verdict.") { line in
      let verdicts = line.verdicts
      return [
        ("ok", verdicts.ok), ("ng", verdicts.ng), ("undecidable", verdicts.undecidable),
        ("error", verdicts.error),
      ].map { ([("verdict", $0.0)], Double($0.1)) }
    },
    LineMetric(name: "assayd_line_alert_open", kind: .gauge, help: "1 while an alert is open.") {
      [([], $0.alerts.open == nil ? 0 : 1)]
    },
    LineMetric(name: "assayd_line_alerts_opened_total", kind: .counter, help: "Alerts that were opened.") {
      [([], Double($0.alerts.opened))]
    },
    LineMetric(
      name: "assayd_line_alerts_suppressed_total", kind: .counter,
      help: "Alerts that were not sent because there were too many."
    ) { [([], Double($0.alerts.suppressed))] },
    LineMetric(
      name: "assayd_line_judged_frames_per_second", kind: .gauge, help: "Over the last ten seconds."
    ) { line in line.fps.map { [([], $0)] } ?? [] },
  ]

  private mutating func add(_ metric: LineMetric, _ lines: [StationStatusMessage.Line]) {
    add(
      metric.name, metric.kind, metric.help,
      lines.flatMap { line in metric.values(line).map { ([("line", line.line)] + $0.0, $0.1) } })
  }

  private mutating func addHistograms(_ lines: [StationStatusMessage.Line]) {
    let name = "assayd_line_latency_seconds"
    header(name, .histogram, "From exposure to message.")
    for line in lines {
      var count: UInt64 = 0
      for (index, counted) in line.latency.counts.enumerated() {
        count += counted
        let bound = index < line.latency.bounds.count ? "\(line.latency.bounds[index] / 1000)" : "+Inf"
        sample("\(name)_bucket", [("line", line.line), ("le", bound)], Double(count))
      }
      sample("\(name)_sum", [("line", line.line)], line.latency.sum / 1000)
      sample("\(name)_count", [("line", line.line)], Double(count))
    }
  }

  // MARK: the format

  private mutating func add(_ name: String, _ help: String, _ value: Double) {
    add(name, .gauge, help, [([], value)])
  }

  private mutating func add(_ name: String, _ help: String, _ value: Bool) {
    add(name, help, value ? 1 : 0)
  }

  private mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [(Labels, Double)]) {
    if samples.isEmpty { return }
    header(name, kind, help)
    for (labels, value) in samples { sample(name, labels, value) }
  }

  private mutating func header(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  private mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
    }
    text += value == value.rounded() && abs(value) < 1e15 ? " \(Int64(value))\n" : " \(value)\n"
  }

  private static func escaped(_ value: String) -> String {
    value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}

extension UTCTimestamp {
  fileprivate var seconds: Double { Double(nanoseconds) / 1e9 }
}
