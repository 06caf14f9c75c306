import Capture
import Dispatch
import Imaging
import Inspection
import Logging
import Messaging
import Synchronization

/// One camera and what is done with its frames, on two threads of its own.
///
/// The capture thread does nothing but take frames from the source and put them into the mailbox, so that the camera
/// is never kept waiting; the judging thread takes the newest one whenever it is done with the last. Nothing here
/// waits for another line, except in the pool of compute threads, where all take turns.
final class Line: Sendable {
  typealias SourceMaker = @Sendable () throws(CaptureError) -> any FrameSource

  let configuration: LineConfiguration
  let recipe: RecipeSlot
  let reporter: LineReporter
  private let makeSource: SourceMaker
  private let priority: ForegroundPriority
  private let logger: Logger

  private let mailbox = Mailbox<Frame>()
  private let accounts = FrameAccounts()
  private let capture = Mutex(Capture())
  private let hand = Mutex(Hand.empty)
  private let collector = Mutex<ReferenceCollector?>(nil)
  private let threads = Mutex<[WorkerThread]>([])
  /// Signalled at stop, to end the wait between two attempts to make the source.
  private let stopped = DispatchSemaphore(value: 0)

  /// What the capture thread knows.
  private struct Capture {
    var source: (any FrameSource)?
    var isStopping = false
    var condition = SourceCondition.starting
    var heard = MonotonicInstant.now
  }

  enum SourceCondition: Equatable {
    case starting
    case delivering
    case failing(StatusMessage.State, explanation: String)
    /// A replay that does not loop is over.
    case ended
  }

  /// The frame being judged.
  private enum Hand {
    case empty
    case judging(since: MonotonicInstant)
    /// The line stopped before the judging returned; the frame is counted, and what comes of it is not wanted.
    case abandoned
  }

  var name: String { configuration.name }

  init(
    _ configuration: LineConfiguration, recipe: RecipeSlot, reporter: LineReporter,
    priority: ForegroundPriority,
    logger: Logger, makeSource: @escaping SourceMaker
  ) {
    self.configuration = configuration
    self.recipe = recipe
    self.reporter = reporter
    self.priority = priority
    self.makeSource = makeSource
    var logger = logger
    logger[metadataKey: "line"] = "\(configuration.name)"
    self.logger = logger
  }

  // MARK: life

  func start() {
    threads.withLock {
      $0.append(WorkerThread(name: "cap-\(name)") { [self] in captureFrames() })
      $0.append(WorkerThread(name: "judge-\(name)") { [self] in judgeFrames() })
    }
  }

  /// Tells both threads to end; returns at once.
  func beginStop() {
    let source = capture.withLock { capture in
      capture.isStopping = true
      return capture.source
    }
    source?.stop()
    stopped.signal()
    collector.withLock { $0.take() }?.abandon("the station stops.")
    if mailbox.close() != nil { accounts.rejected(Rejection.stopped) }
  }

  /// Waits for both threads. A frame still being judged at the deadline is given up and counted as such.
  ///
  /// - Returns: whether both threads ended.
  func finishStop(by deadline: MonotonicInstant) -> Bool {
    let ended = threads.withLock { $0.map { $0.wait(until: deadline) } }
    if ended.allSatisfy({ $0 }) { return true }
    let isGivenUp = hand.withLock { hand in
      defer { hand = .abandoned }
      if case .judging = hand { return true }
      return false
    }
    if isGivenUp { accounts.rejected(Rejection.stopped) }
    return false
  }

  // MARK: enrolment

  /// Starts to collect the next pictures; nil while another collection is going on.
  func collect(_ count: Int, progress: @escaping @Sendable (_ done: Int) -> Void) -> ReferenceCollector? {
    collector.withLock { current in
      guard current == nil else { return nil }
      let new = ReferenceCollector(count: count, progress: progress)
      current = new
      return new
    }
  }

  func endCollection() { collector.withLock { $0 = nil } }

  // MARK: state

  var counts: FrameCounts {
    guard let source = capture.withLock({ $0.source }) else { return FrameCounts() }
    return accounts.counts(with: source)
  }

  /// Whether a frame has been in hand for longer than that: the judging hangs.
  func isStuck(for seconds: Double) -> Bool {
    guard case .judging(let since) = hand.withLock({ $0 }) else { return false }
    return MonotonicInstant.now.seconds(since: since) > seconds
  }

  /// Whether the first frame or the first fault has come.
  var isSettled: Bool { capture.withLock { $0.condition != .starting } }

  /// How the line is, in the words of its status message.
  var condition: LineCondition {
    let (source, heard) = capture.withLock { ($0.condition, $0.heard) }
    if isStuck(for: Self.longestJudging) {
      return LineCondition(
        .faulted, "A frame has been in judgement for more than \(Int(Self.longestJudging)) seconds.")
    }
    switch source {
    case .failing(let state, let explanation):
      return LineCondition(state, explanation)
    case .starting:
      return LineCondition(.stalled, "No frame has come yet.")
    case .ended:
      return LineCondition(.stalled, "The replay is over.")
    case .delivering:
      if MonotonicInstant.now.seconds(since: heard) > longestSilence {
        return LineCondition(.stalled, "No frame for more than \(Int(longestSilence)) seconds.")
      }
    }
    switch recipe.current {
    case .ready: return LineCondition(.running)
    case .notEnrolled(let explanation), .refused(_, let explanation):
      return LineCondition(.faulted, explanation)
    }
  }

  /// Seconds. A source tells of a stall itself; this is for one that hangs and tells nothing.
  private var longestSilence: Double {
    switch configuration.source {
    case .camera(let options) where options.isTriggered: .infinity
    case .camera(let options): max(30, 20 / (options.framesPerSecond ?? 1))
    case .replay(let options): max(30, 20 / options.framesPerSecond)
    }
  }

  private static let longestJudging = 10.0

  // MARK: the capture thread

  private func captureFrames() {
    guard let source = waitForSource() else { return }
    while true {
      switch source.next() {
      case .frame(let frame):
        heard()
        change(to: .delivering)
        switch mailbox.put(frame) {
        case .delivered: break
        case .replaced: accounts.replaced()
        case .closed: accounts.rejected(Rejection.stopped)
        }
      case .rejected(let fault, let sequence):
        heard()
        reporter.reject(fault, sequence: sequence, recipe: recipe.current)
      case .status(let status):
        heard()
        change(to: SourceCondition(status), status.explanation)
      case .end:
        if !capture.withLock({ $0.isStopping }) { change(to: .ended) }
        return
      }
    }
  }

  /// Makes the source, trying again while that fails; nil at stop.
  private func waitForSource() -> (any FrameSource)? {
    while true {
      do {
        let source = try makeSource()
        let isStopping = capture.withLock { capture in
          capture.source = source
          return capture.isStopping
        }
        // A stop that came before the source was known has not reached it.
        if isStopping { source.stop() }
        return source
      } catch {
        change(to: .failing(.faulted, explanation: error.description))
      }
      if stopped.wait(timeout: .now() + .seconds(5)) == .success { return nil }
    }
  }

  private func heard() { capture.withLock { $0.heard = .now } }

  /// - Parameter detail: what the source says of itself.
  private func change(to condition: SourceCondition, _ detail: String? = nil) {
    let isChange = capture.withLock { capture in
      guard capture.condition != condition else { return false }
      capture.condition = condition
      return true
    }
    guard isChange else { return }
    // Faults are logged by whoever watches the line's condition, in which they are one thing among others.
    switch condition {
    case .delivering: logger.info("Frames arrive.", metadata: detail.map { ["source": "\($0)"] })
    case .ended: logger.info("The replay is over.")
    case .starting, .failing: break
    }
  }

  // MARK: the judging thread

  private func judgeFrames() {
    while let frame = mailbox.take() {
      let began = MonotonicInstant.now
      let isInTime = hand.withLock { hand in
        if case .abandoned = hand { return false }
        hand = .judging(since: began)
        return true
      }
      guard isInTime else { return accounts.rejected(Rejection.stopped) }
      // The snapshot for this frame: a recipe exchanged meanwhile is used from the next one on.
      let recipe = recipe.current
      let finding = priority.foreground { examine(frame, with: recipe) }
      let isWanted = hand.withLock { hand in
        if case .abandoned = hand { return false }
        hand = .empty
        return true
      }
      guard isWanted else { return }
      switch finding.outcome {
      case .judged: accounts.judged()
      case .rejected(let rejection): accounts.rejected(rejection.reason)
      }
      reporter.report(frame, finding, recipe: recipe, began: began)
    }
  }

  private func examine(_ frame: Frame, with recipe: RecipeState) -> Finding {
    let decoded: DecodedPicture
    let began = MonotonicInstant.now
    do {
      decoded = try frame.image.decoded()
    } catch {
      return Finding(.rejected(Rejection(error.reason, .undecidable, error.description)))
    }
    let decodeMilliseconds = MonotonicInstant.now.milliseconds(since: began)
    if let collector = collector.withLock({ $0 }) { offer(decoded.picture, of: frame, to: collector) }
    var finding: Finding
    switch recipe {
    case .notEnrolled(let explanation):
      finding = Finding(.rejected(Rejection("not_enrolled", .undecidable, explanation)))
    case .refused(let reason, let explanation):
      finding = Finding(.rejected(Rejection(reason, .error, explanation)))
    case .ready(let active):
      do {
        let judgement = try active.judge(decoded.picture, region: configuration.region)
        finding = Finding(.judged(judgement))
        finding.picture = decoded.picture
      } catch {
        finding = Finding(.rejected(Rejection(error.reason, .error, error.description)))
      }
    }
    if !decoded.warnings.isEmpty { accounts.decodedWithWarnings() }
    finding.warnings = decoded.warnings
    finding.decodeMilliseconds = decodeMilliseconds
    return finding
  }

  private func offer(_ picture: Picture, of frame: Frame, to collector: ReferenceCollector) {
    let name = frame.label?.file ?? "\(frame.source) frame \(frame.sequence)"
    guard let region = configuration.region else {
      collector.offer(Reference(name: name, picture: picture))
      return
    }
    do {
      let cut = try picture.cropped(to: region)
      collector.offer(Reference(name: name, picture: cut))
    } catch {
      collector.abandon(error.description)
    }
  }
}

extension Line.SourceCondition {
  fileprivate init(_ status: SourceStatus) {
    self =
      switch status.state {
      case .running: .delivering
      case .noDevice: .failing(.noDevice, explanation: status.explanation)
      case .stalled: .failing(.stalled, explanation: status.explanation)
      case .corrupt: .failing(.corrupt, explanation: status.explanation)
      case .faulted: .failing(.faulted, explanation: status.explanation)
      }
  }
}

/// How a line is.
struct LineCondition: Equatable {
  var state: StatusMessage.State
  /// One sentence; nil while running.
  var reason: String?

  init(_ state: StatusMessage.State, _ reason: String? = nil) {
    self.state = state
    self.reason = reason
  }
}

/// What came of a frame.
struct Finding {
  enum Outcome {
    case judged(Judgement)
    case rejected(Rejection)
  }

  var outcome: Outcome
  /// The decoded picture, where it was judged.
  var picture: Picture?
  /// Harmless words of the decoder.
  var warnings: [String] = []
  var decodeMilliseconds: Double?

  init(_ outcome: Outcome) { self.outcome = outcome }
}

/// Why a frame was not judged.
struct Rejection {
  /// The counter's name.
  var reason: String
  /// `undecidable` where it is the picture, `error` where it is the station.
  var verdict: ReportedVerdict
  var explanation: String

  init(_ reason: String, _ verdict: ReportedVerdict, _ explanation: String) {
    self.reason = reason
    self.verdict = verdict
    self.explanation = explanation
  }

  /// The counter of frames that were on their way when the line stopped.
  static let stopped = "stopped"
}
