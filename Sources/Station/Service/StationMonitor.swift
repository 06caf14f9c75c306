import Capture
import Foundation
import Inspection
import Logging
import Messaging
import Synchronization

/// Looks at the lines several times a second: publishes how they are, tells the service manager, feeds the watchdog.
final class StationMonitor: Sendable {
  private let lines: [Line]
  private let session: MQTTSession
  private let bootID: String
  private let notifier: ServiceNotifier
  private let timing: StationTiming
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var lines: [LineState]
    var isReady = false
    /// The last word has been said.
    var isOver = false
    var fedAt: MonotonicInstant?
    var summary = ""
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

  init(
    lines: [Line], session: MQTTSession, bootID: String, notifier: ServiceNotifier, timing: StationTiming,
    logger: Logger
  ) {
    self.lines = lines
    self.session = session
    self.bootID = bootID
    self.notifier = notifier
    self.timing = timing
    self.logger = logger
    state = Mutex(State(lines: lines.map { _ in LineState() }))
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

  private func look(isLast: Bool) {
    state.withLock { state in
      if state.isOver { return }
      state.isOver = isLast
      let now = MonotonicInstant.now
      for index in lines.indices {
        publish(lines[index], &state.lines[index], now, isLast)
      }
      if isLast { return }
      summarise(&state)
      if !state.isReady,
        lines.contains(where: \.isSettled) || now.seconds(since: state.began) > timing.readiness
      {
        state.isReady = true
        notifier.ready()
      }
      feed(&state, now)
    }
  }

  private func publish(_ line: Line, _ known: inout LineState, _ now: MonotonicInstant, _ isLast: Bool) {
    let condition = line.condition
    let recipe = line.recipe.current
    let reference = recipe.reference(named: line.configuration.recipe)
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
            line: line.name, bootID: bootID, state: condition.state, reason: condition.reason,
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
    // That a camera has not delivered in its first instants is no news.
    if condition != known.condition, line.isSettled, let reason = condition.reason {
      logger.warning(
        "\(reason)", metadata: ["line": "\(line.name)", "state": "\(condition.state.rawValue)"])
    }
    known.condition = condition
    known.recipe = reference
  }

  private func framesPerSecond(_ line: LineState) -> Double? {
    guard let first = line.judged.first, let last = line.judged.last else { return nil }
    let seconds = last.at.seconds(since: first.at)
    return seconds < 1 ? nil : Double(last.count - first.count) / seconds
  }

  private func statistics(of line: Line, _ recipe: RecipeState, _ counts: FrameCounts) -> StatsMessage {
    let (verdicts, window) = line.reporter.takeStatistics()
    var calibrated: [Float]?
    var threshold: Float?
    if case .ready(let active) = recipe {
      let calibration = active.inspector.calibration
      calibrated = calibration.readings.map(\.score)
      threshold = active.fixedThreshold.map(Float.init) ?? calibration.imageLimit.value
    }
    return StatsMessage(
      line: line.name, bootID: bootID, fromUTC: window.begin, toUTC: .now, counters: counts.message,
      verdicts: verdicts, latency: window.latency,
      score: window.score(calibrated: calibrated, threshold: threshold),
      outbox: StatsMessage.OutboxSummary(session.outbox.counts))
  }

  /// One line for `systemctl status`, told when it changes.
  private func summarise(_ state: inout State) {
    let running = state.lines.count { $0.condition?.state == .running }
    var summary = "\(running) of \(lines.count) lines running"
    for (line, known) in zip(lines, state.lines) {
      if let condition = known.condition, condition.state != .running {
        summary += "; \(line.name): \(condition.state.rawValue)"
      }
    }
    summary += "; broker: \(session.status.connection.rawValue)"
    guard summary != state.summary else { return }
    state.summary = summary
    notifier.status(summary)
  }

  /// The watchdog is fed while every line judges its frames, has none to judge, or is known to be faulted. A frame
  /// that has been in judgement for the whole interval is none of these: then the manager shall start us anew.
  private func feed(_ state: inout State, _ now: MonotonicInstant) {
    guard let interval = notifier.watchdogInterval else { return }
    let seconds = interval / .seconds(1)
    if let fedAt = state.fedAt, now.seconds(since: fedAt) < seconds / 4 { return }
    guard !lines.contains(where: { $0.isStuck(for: seconds / 2) }) else { return }
    notifier.feedWatchdog()
    state.fedAt = now
  }
}
