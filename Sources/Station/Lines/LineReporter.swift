import Capture
import Foundation
import Imaging
import Inspection
import Logging
import Messaging
import Synchronization

/// Turns what came of a line's frames into messages, and keeps what the statistics are made of.
final class LineReporter: Sendable {
  private let name: String
  private let bootID: String
  private let modelHash: String
  private let session: MQTTSession
  private let evidence: EvidenceStore
  private let identifiers: ULIDGenerator
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var alerts: AlertTracker
    var sequence: UInt64 = 0
    var verdicts = StatsMessage.Verdicts(ok: 0, ng: 0, undecidable: 0, error: 0)
    var window = ReportingWindow()
    var latency = StationStatusMessage.Histogram(
      bounds: StationStatusMessage.Histogram.latencyMilliseconds)
    var heatmapAt: MonotonicInstant?
  }

  init(
    line name: String, bootID: String, modelHash: String, session: MQTTSession, evidence: EvidenceStore,
    identifiers: ULIDGenerator, logger: Logger
  ) {
    self.name = name
    self.bootID = bootID
    self.modelHash = modelHash
    self.session = session
    self.evidence = evidence
    self.identifiers = identifiers
    self.logger = logger
    // An alert that an earlier run left open goes on.
    let last = session.outbox.newestAlerts[session.topics.topic(.alert, of: name)]
    state = Mutex(
      State(
        alerts: AlertTracker(
          line: name, bootID: bootID, last: last.flatMap { try? AlertMessage(payload: $0) })))
  }

  /// Reports a frame that reached the judging thread.
  ///
  /// - Parameters:
  ///   - line: as it was when the frame was judged.
  ///   - part: the part's name, where a trigger gave one.
  /// - Returns: what the result is called, and what it says.
  @discardableResult
  func report(
    _ frame: Frame, _ finding: Finding, recipe: RecipeState, line: LineConfiguration,
    began: MonotonicInstant, part: String?
  ) -> (ULID, ReportedVerdict) {
    let now = MonotonicInstant.now
    var times = ResultMessage.Times(
      acquireMs: frame.arrival.milliseconds(since: frame.exposure),
      waitMs: began.milliseconds(since: frame.arrival), inferMs: nil, postMs: nil,
      totalMs: now.milliseconds(since: frame.exposure), deadlineMet: nil)
    times.deadlineMet = line.deadlineMilliseconds.map { (times.totalMs ?? 0) <= $0 }
    if case .judged(let judgement) = finding.outcome {
      let durations = judgement.durations
      times.inferMs = (finding.decodeMilliseconds ?? 0) + (durations.resize + durations.encode).milliseconds
      times.postMs = (durations.search + durations.post).milliseconds
    }
    let statement =
      switch finding.outcome {
      case .judged(let judgement): Statement(judgement)
      case .rejected(let rejection): Statement(rejection)
      }
    let exposure = UTCTimestamp(nanoseconds: frame.exposureUTC.nanoseconds)
    let quality = ResultMessage.FrameQuality(
      frameSequence: frame.sequence, framesLost: frame.flags.contains(.afterGap) ? nil : 0,
      warnings: finding.warnings)
    let isKept = evidence.promises(statement.verdict, of: name)
    let (result, alerts) = send(
      statement, recipe, line, exposure, ResultMessage.ClockQuality(frame.clockQuality), times, quality,
      frame.label, part, isKept: isKept)
    var overlay: (@Sendable (Picture) throws -> Picture)?
    if case .ready(let active) = recipe, case .judged(let judgement) = finding.outcome,
      let picture = finding.picture
    {
      overlay = { [region = line.region, calibration = active.inspector.calibration] picture in
        calibration.overlay(judgement, on: try region.map { try picture.cropped(to: $0) } ?? picture)
      }
      sendHeatmap(of: picture, overlay, line, result.resultID)
    }
    if isKept {
      evidence.keep(.init(result: result, image: frame.image, picture: finding.picture, overlay: overlay))
    }
    for alert in alerts {
      evidence.keep(alert)
      log(alert)
    }
    return (result.resultID, statement.verdict)
  }

  /// Reports a frame the source itself rejected. Nobody knows when it was exposed, so it has the present time.
  func reject(_ fault: FrameFault, sequence: UInt64, recipe: RecipeState, line: LineConfiguration) {
    let rejection = Rejection(fault.rawValue, .undecidable, "The frame cannot be used: \(fault.sentence).")
    let times = ResultMessage.Times(
      acquireMs: nil, waitMs: nil, inferMs: nil, postMs: nil, totalMs: nil, deadlineMet: nil)
    let quality = ResultMessage.FrameQuality(frameSequence: sequence, framesLost: nil, warnings: [])
    _ = send(Statement(rejection), recipe, line, .now, .arrival, times, quality, nil, nil, isKept: false)
  }

  /// Numbers and sends under one lock, so that messages leave in the order of their numbers.
  ///
  /// - Parameter isKept: whether there will be evidence.
  /// - Returns: what was sent.
  private func send(
    _ statement: Statement, _ recipe: RecipeState, _ line: LineConfiguration, _ exposure: UTCTimestamp,
    _ clockQuality: ResultMessage.ClockQuality, _ times: ResultMessage.Times,
    _ quality: ResultMessage.FrameQuality, _ label: FrameLabel?, _ part: String?, isKept: Bool
  ) -> (ResultMessage, [AlertMessage]) {
    state.withLock { state in
      state.sequence += 1
      let resultID = identifiers.next()
      let result = ResultMessage(
        resultID: resultID, bootID: bootID, seq: state.sequence, line: name,
        partID: part ?? label?.file,
        partIDSource: part.map { _ in "trigger" } ?? label.map { _ in "file" },
        recipe: recipe.reference(named: line.recipe),
        modelHash: modelHash,
        exposureUTC: exposure, clockQuality: clockQuality, times: times, verdict: statement.verdict,
        score: statement.score, threshold: statement.threshold, reason: statement.reason,
        regions: statement.regions, mask: statement.mask, quality: quality,
        degradations: statement.degradations,
        evidenceURI: isKept ? evidence.uri(resultID, statement.verdict, of: name) : nil,
        isSimulated: line.isSimulated,
        expected: label?.kind)
      switch result.verdict {
      case .ok: state.verdicts.ok += 1
      case .ng: state.verdicts.ng += 1
      case .undecidable: state.verdicts.undecidable += 1
      case .error: state.verdicts.error += 1
      }
      if let total = times.totalMs {
        state.window.add(latency: total, score: statement.score)
        state.latency.add(total)
      }
      state.alerts.configuration = line.alerts
      let alerts = state.alerts.take(result, at: .now, newID: identifiers.next)
      do {
        try session.publish(VerdictMessage(result))
        if line.results == .all || result.verdict != .ok { try session.deliver(result) }
        for alert in alerts { try session.deliver(alert) }
      } catch {
        logger.error("A result could not be written as a message.", metadata: ["error": "\(error)"])
      }
      return (result, alerts)
    }
  }

  /// A person has seen the open alert.
  func acknowledge(_ alertID: ULID?, by: String, note: String?) throws(Refusal) -> AlertMessage {
    let (alert, result) = try state.withLock { state throws(Refusal) in
      let alert = try state.alerts.acknowledge(alertID, by: by, note: note, at: .now)
      return (alert, Result { try session.deliver(alert) })
    }
    if case .failure(let error) = result { throw Refusal("The alert could not be sent: \(error)") }
    log(alert)
    return alert
  }

  /// Nobody will look at the line any more.
  func closeAlert() {
    let alert = state.withLock { state in
      let alert = state.alerts.close(.removed, at: .now)
      if let alert { try? session.deliver(alert) }
      return alert
    }
    if let alert { log(alert) }
  }

  /// The log knows of every alert, whatever becomes of the broker.
  private func log(_ alert: AlertMessage) {
    logger.notice(
      "The alert is \(alert.state.rawValue): \(alert.reason)",
      metadata: ["line": "\(name)", "alert_id": "\(alert.alertID)", "revision": "\(alert.revision)"])
  }

  /// The alert that is open, and how many were opened and not sent since the start.
  var alerts: (open: AlertMessage?, opened: Int, suppressed: Int) {
    state.withLock { ($0.alerts.open, $0.alerts.opened, $0.alerts.suppressed) }
  }

  private func sendHeatmap(
    of picture: Picture, _ overlay: ((Picture) throws -> Picture)?, _ line: LineConfiguration,
    _ resultID: ULID
  ) {
    guard let heatmap = line.heatmap, let overlay else { return }
    let isDue = state.withLock { state in
      if let last = state.heatmapAt,
        MonotonicInstant.now.milliseconds(since: last) < Double(heatmap.intervalMilliseconds)
      {
        return false
      }
      state.heatmapAt = .now
      return true
    }
    guard isDue else { return }
    do {
      session.publish(
        try overlay(picture).jpegData(quality: heatmap.quality),
        to: session.topics.topic(.heatmap, of: name),
        userProperties: ["result_id": "\(resultID)"])
    } catch {
      logger.warning("A heat map could not be made.", metadata: ["error": "\(error)"])
    }
  }

  /// Verdicts and latencies since the start.
  var totals: (verdicts: StatsMessage.Verdicts, latency: StationStatusMessage.Histogram) {
    state.withLock { ($0.verdicts, $0.latency) }
  }

  /// Statistics since the last call, and verdicts since the start.
  func takeStatistics() -> (verdicts: StatsMessage.Verdicts, window: ReportingWindow) {
    state.withLock { state in
      let window = state.window
      state.window = ReportingWindow()
      return (state.verdicts, window)
    }
  }
}
