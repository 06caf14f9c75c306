import Capture
import Foundation
import Inspection
import Logging
import Messaging
import Synchronization

/// Looks at the lines several times a second: publishes how they are, tells the service manager, feeds the watchdog.
final class StationMonitor: Sendable {
  private let roster: Roster
  private let reloader: Reloader
  private let session: MQTTSession
  private let evidence: EvidenceStore
  private let engine: InspectionEngine
  private let birth: BirthMessage
  private let readiness: Readiness
  private let notifier: ServiceNotifier
  private let timing: StationTiming
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var lines: [String: LineState] = [:]
    /// The last word has been said.
    var isOver = false
    var fedAt: MonotonicInstant?
    var summary = ""
    var statusAt: MonotonicInstant?
    var digest = ""
    let began = MonotonicInstant.now
  }

  private struct LineState {
    var condition: LineCondition?
    /// When the state began.
    var since = UTCTimestamp.now
    var recipe: RecipeReference?
    var statusAt: MonotonicInstant?
    var statisticsAt = MonotonicInstant.now
    /// Frames judged at moments of the last `rateWindow` seconds, oldest first.
    var judged: [(at: MonotonicInstant, count: UInt64)] = []
  }

  /// Seconds over which frames per second are counted.
  private static let rateWindow = 10.0
  /// Seconds after which a line that hangs makes the station unhealthy, where no watchdog says how long.
  private static let longestHang = 15.0

  init(
    roster: Roster, reloader: Reloader, session: MQTTSession, evidence: EvidenceStore,
    engine: InspectionEngine, birth: BirthMessage, readiness: Readiness, notifier: ServiceNotifier,
    timing: StationTiming, logger: Logger
  ) {
    self.roster = roster
    self.reloader = reloader
    self.session = session
    self.evidence = evidence
    self.engine = engine
    self.birth = birth
    self.readiness = readiness
    self.notifier = notifier
    self.timing = timing
    self.logger = logger
  }

  /// Runs until its task is cancelled.
  func run() async {
    while !Task.isCancelled {
      look(isLast: false)
      do { try await Task.sleep(for: timing.tick) } catch { return }
    }
  }

  /// The last statuses and statistics, with the final counters.
  func publishLast() { look(isLast: true) }

  /// How the station is now.
  var status: StationStatusMessage { state.withLock { status($0) } }

  private func look(isLast: Bool) {
    let lines = roster.lines
    state.withLock { state in
      if state.isOver { return }
      state.isOver = isLast
      let now = MonotonicInstant.now
      state.lines = state.lines.filter { name, _ in lines.contains { $0.name == name } }
      for line in lines { publish(line, &state.lines[line.name, default: LineState()], now, isLast) }
      if !isLast { tellReadiness(lines, state.began, now) }
      publishStation(&state, now, isLast)
      if isLast { return }
      summarise(lines, &state)
      feed(lines, &state, now)
    }
  }

  private func publish(_ line: Line, _ known: inout LineState, _ now: MonotonicInstant, _ isLast: Bool) {
    let condition = line.condition
    let setup = line.setup
    let recipe = setup.recipe.current
    let reference = recipe.reference(named: setup.configuration.recipe)
    let counts = line.counts
    known.judged.append((now, counts.judged))
    while known.judged.count > 2, now.seconds(since: known.judged[1].at) > Self.rateWindow {
      known.judged.removeFirst()
    }
    if condition.state != known.condition?.state { known.since = .now }
    let isChange = condition != known.condition || reference != known.recipe
    let isDue = known.statusAt.map { now.seconds(since: $0) >= timing.status } ?? true
    do {
      if isChange || isDue || isLast {
        try session.retain(
          StatusMessage(
            line: line.name, bootID: birth.bootID, state: condition.state, reason: condition.reason,
            sinceUTC: known.since, fps: framesPerSecond(known), recipe: reference,
            counters: counts.message))
        known.statusAt = now
      }
      if isLast || now.seconds(since: known.statisticsAt) >= timing.statistics {
        try session.publish(statistics(of: line, recipe, counts))
        known.statisticsAt = now
      }
    } catch {
      logger.error(
        "A message could not be written.", metadata: ["line": "\(line.name)", "error": "\(error)"])
    }
    for fault in line.takeFaults() where fault != condition && fault != known.condition {
      log(fault, of: line)
    }
    // That a camera has not delivered in its first instants is no news.
    if condition != known.condition, line.isSettled { log(condition, of: line) }
    known.condition = condition
    known.recipe = reference
  }

  private func log(_ condition: LineCondition, of line: Line) {
    guard let reason = condition.reason else { return }
    logger.warning(
      "\(reason)", metadata: ["line": "\(line.name)", "state": "\(condition.state.rawValue)"])
  }

  private func framesPerSecond(_ line: LineState) -> Double? {
    guard let first = line.judged.first, let last = line.judged.last else { return nil }
    let seconds = last.at.seconds(since: first.at)
    return seconds < 1 ? nil : Double(last.count - first.count) / seconds
  }

  private func statistics(of line: Line, _ recipe: RecipeState, _ counts: FrameCounts) -> StatsMessage {
    let (verdicts, window) = line.record.reporter.takeStatistics()
    var calibrated: [Float]?
    var threshold: Float?
    if case .ready(let active) = recipe {
      let calibration = active.inspector.calibration
      calibrated = calibration.readings.map(\.score)
      threshold = active.fixedThreshold.map(Float.init) ?? calibration.imageLimit.value
    }
    return StatsMessage(
      line: line.name, bootID: birth.bootID, fromUTC: window.begin, toUTC: .now, counters: counts.message,
      verdicts: verdicts, latency: window.latency,
      score: window.score(calibrated: calibrated, threshold: threshold),
      outbox: StatsMessage.OutboxSummary(session.outbox.counts))
  }

  // MARK: the whole station

  private func status(_ state: State) -> StationStatusMessage {
    let current = roster.current
    let configuration = reloader.configurationState
    return StationStatusMessage(
      station: current.configuration.station, version: birth.version, bootID: birth.bootID,
      startedUTC: birth.startedUTC, timeUTC: .now, instructionSet: birth.instructionSet,
      modelHash: birth.modelHash, isReady: readiness.isReady, isHealthy: isHealthy(current.lines),
      process: .present,
      configuration: .init(
        hash: current.configuration.hash, sinceUTC: configuration.sinceUTC,
        isLastGood: configuration.isLastGood,
        refusal: configuration.refusal.map {
          .init(timeUTC: $0.timeUTC, cause: $0.cause, problems: $0.problems.map(\.description))
        }, reloads: configuration.reloads, refusals: configuration.refusals),
      broker: .init(session.status), outbox: .init(session.outbox.counts),
      evidence: evidence.summary,
      lines: current.lines.map { line in
        let known = state.lines[line.name]
        let condition = line.condition
        let setup = line.setup
        let (counts, unaccounted) = line.books
        let totals = line.record.reporter.totals
        let alerts = line.record.reporter.alerts
        return .init(
          line: line.name, state: condition.state, reason: condition.reason, sinceUTC: known?.since ?? .now,
          fps: known.flatMap(framesPerSecond),
          recipe: setup.recipe.current.reference(named: setup.configuration.recipe),
          note: setup.recipe.current.note(on: setup.recipe.configuration, engine: engine),
          counters: counts.message, unaccounted: unaccounted, verdicts: totals.verdicts,
          latency: totals.latency,
          alerts: .init(open: alerts.open?.alertID, opened: alerts.opened, suppressed: alerts.suppressed))
      })
  }

  private func publishStation(_ state: inout State, _ now: MonotonicInstant, _ isLast: Bool) {
    let status = status(state)
    let configuration = status.configuration
    let digest =
      "\(status.isReady) \(status.isHealthy) \(configuration.hash) \(configuration.isLastGood) "
      + "\(configuration.reloads) \(configuration.refusals) "
      + status.lines.map { "\($0.line) \($0.state) \($0.recipe)" }.joined()
    let isDue = state.statusAt.map { now.seconds(since: $0) >= timing.status } ?? true
    guard digest != state.digest || isDue || isLast else { return }
    state.digest = digest
    state.statusAt = now
    do {
      try session.retain(status)
    } catch {
      logger.error("The station's status could not be written.", metadata: ["error": "\(error)"])
    }
  }

  /// Ready is who has a line that delivers, or knows that no line does. A camera takes seconds to its first frame;
  /// nobody waits for it for ever.
  private func tellReadiness(_ lines: [Line], _ began: MonotonicInstant, _ now: MonotonicInstant) {
    guard !readiness.isReady else { return }
    guard
      lines.contains(where: \.isDelivering) || lines.allSatisfy(\.isSettled)
        || now.seconds(since: began) > timing.readiness
    else { return }
    readiness.tell()
    notifier.ready()
  }

  /// One line for `systemctl status`, told when it changes.
  private func summarise(_ lines: [Line], _ state: inout State) {
    let running = lines.count { state.lines[$0.name]?.condition?.state == .running }
    var summary = "\(running) of \(lines.count) lines running"
    for line in lines {
      if let condition = state.lines[line.name]?.condition, condition.state != .running {
        summary += "; \(line.name): \(condition.state.rawValue)"
      }
    }
    let configuration = reloader.configurationState
    if configuration.isLastGood { summary += "; the files are broken: on the last good configuration" }
    if let refusal = configuration.refusal, !configuration.isLastGood {
      summary += "; changed configuration refused: \(refusal.problems.first?.description ?? "")"
    }
    summary += "; broker: \(session.status.connection.rawValue)"
    guard summary != state.summary else { return }
    state.summary = summary
    notifier.status(summary)
  }

  private func isHealthy(_ lines: [Line]) -> Bool {
    let limit = notifier.watchdogInterval.map { $0 / .seconds(1) / 2 } ?? Self.longestHang
    return !lines.contains { $0.isStuck(for: limit) }
  }

  /// The watchdog is fed while every line judges its frames, has none to judge, or is known to be faulted. A frame that
  /// has waited or been in judgement for half the interval is none of these: then the manager shall start us anew.
  private func feed(_ lines: [Line], _ state: inout State, _ now: MonotonicInstant) {
    guard let interval = notifier.watchdogInterval else { return }
    if let fedAt = state.fedAt, now.seconds(since: fedAt) < interval / .seconds(1) / 4 { return }
    guard isHealthy(lines) else { return }
    notifier.feedWatchdog()
    state.fedAt = now
  }
}
