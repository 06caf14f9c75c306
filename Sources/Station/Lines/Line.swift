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
///
/// How a line works may change while it runs: everything but the source is looked up anew for each frame, so a change
/// costs no frame; another source is taken over by the capture thread when the old one has given all it had.
final class Line: Sendable {
  typealias SourceMaker = @Sendable () throws(CaptureError) -> any FrameSource

  /// What a frame is judged by.
  struct Setup: Sendable {
    var configuration: LineConfiguration
    var recipe: RecipeSlot
  }

  let name: String
  /// The name's own numbers, which outlive the line: taken away and added again, it goes on counting.
  let record: LineRecord
  let triggers = TriggerQueue()
  private let priority: ForegroundPriority
  private let logger: Logger

  private let changeable: Mutex<Setup>
  private let mailbox = Mailbox<Incoming>()
  private let capture: Mutex<Capture>
  private let hand = Mutex(Hand.empty)
  private let collector = Mutex<ReferenceCollector?>(nil)
  private let snapshot = Mutex<(@Sendable (Frame?) -> Void)?>(nil)
  private let threads = Mutex<[WorkerThread]>([])
  /// Signalled when the capture thread, while it has no source, shall look at what is wanted of it.
  private let woken = DispatchSemaphore(value: 0)

  /// What the capture thread knows.
  private struct Capture {
    var makeSource: SourceMaker
    var source: (any FrameSource)?
    var isStopping = false
    /// The source is to be exchanged for what `makeSource` makes now.
    var isExchanging = false
    var condition = SourceCondition.starting
    var heard = MonotonicInstant.now
    var repetition = Repetition()
    /// Faults nobody has been told of yet, oldest first.
    var faults: [LineCondition] = []
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

  /// A frame between the two threads.
  private struct Incoming {
    var frame: Frame
    /// How many frames in a row have been this very picture, this one included.
    var repetitions: Int
    /// The command that asked for it.
    var trigger: TriggerQueue.Trigger?
  }

  init(
    _ configuration: LineConfiguration, recipe: RecipeSlot, record: LineRecord, priority: ForegroundPriority,
    logger: Logger, makeSource: @escaping SourceMaker
  ) {
    name = configuration.name
    self.record = record
    self.priority = priority
    changeable = Mutex(Setup(configuration: configuration, recipe: recipe))
    capture = Mutex(Capture(makeSource: makeSource))
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
    woken.signal()
    collector.withLock { $0.take() }?.abandon("the line stops.")
    snapshot.withLock { $0.take() }?(nil)
    for incoming in mailbox.close() { giveUp(incoming) }
    triggers.close()
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
    if isGivenUp { record.accounts.rejected(Rejection.stopped) }
    return false
  }

  private func giveUp(_ incoming: Incoming) {
    record.accounts.rejected(Rejection.stopped)
    incoming.trigger?.answer(.missed("the line stops."))
  }

  // MARK: change

  /// What the line works with now.
  var setup: Setup { changeable.withLock { $0 } }
  var configuration: LineConfiguration { setup.configuration }
  var recipe: RecipeSlot { setup.recipe }

  /// Goes over to another configuration or recipe, from the next frame on.
  ///
  /// Where only the controls of the camera differ they are set while it delivers. A source that differs in anything else
  /// is stopped, gives what it still holds, and is followed by one that `makeSource` makes.
  func change(to setup: Setup, makeSource: @escaping SourceMaker) {
    let old = changeable.withLock { current in
      defer { current = setup }
      return current.configuration.source
    }
    let new = setup.configuration.source
    if old == new { return }
    if let controls = old.controls(leadingTo: new) {
      let source = capture.withLock { capture in
        capture.makeSource = makeSource
        return capture.source
      }
      guard let source else { return }
      if let source = source as? any AdjustableSource { return source.adjust(controls: controls) }
    }
    let source = capture.withLock { capture in
      capture.makeSource = makeSource
      capture.isExchanging = true
      return capture.source
    }
    source?.stop()
    woken.signal()
  }

  /// What of a changed source the open camera would never take, a sentence each.
  func refusals(of source: LineConfiguration.Source) -> [String] {
    guard let controls = configuration.source.controls(leadingTo: source) else { return [] }
    let present = capture.withLock { $0.source }
    return (present as? any AdjustableSource)?.refusals(of: controls) ?? []
  }

  // MARK: enrolment and snapshots

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

  /// Asks for the next frame as it was captured, whatever becomes of it otherwise.
  ///
  /// - Parameter take: called once, on the capture thread, or with nil where the line stops or another snapshot is
  ///   asked for first.
  func requestSnapshot(_ take: @escaping @Sendable (Frame?) -> Void) {
    let former = snapshot.withLock { snapshot in
      defer { snapshot = take }
      return snapshot
    }
    former?(nil)
  }

  /// Gives the request up, where it is still open.
  func cancelSnapshot() { snapshot.withLock { $0.take() }?(nil) }

  // MARK: state

  var counts: FrameCounts { record.accounts.counts }

  /// The counters, and how many frames they do not explain.
  var books: (counts: FrameCounts, unaccounted: UInt64) {
    let keptBefore = mailbox.keptCount
    let counts = counts
    // About to be handed over by the source, the newest in the mailbox, in judgement; and those kept for triggers.
    let places = 3 + max(keptBefore, mailbox.keptCount)
    return (counts, counts.unaccounted(places: places))
  }

  /// Whether a frame has been in hand, or in the mailbox, for longer than that: the judging hangs.
  func isStuck(for seconds: Double) -> Bool {
    if mailbox.secondsUntaken > seconds { return true }
    guard case .judging(let since) = hand.withLock({ $0 }) else { return false }
    return MonotonicInstant.now.seconds(since: since) > seconds
  }

  /// Whether the first frame or the first fault has come.
  var isSettled: Bool { capture.withLock { $0.condition != .starting } }

  /// Whether frames come.
  var isDelivering: Bool { capture.withLock { $0.condition == .delivering } }

  /// How the line is, in the words of its status message.
  var condition: LineCondition {
    let setup = setup
    let (source, heard, repetitions) = capture.withLock { ($0.condition, $0.heard, $0.repetition.count) }
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
      let patience = setup.configuration.longestSilence
      if MonotonicInstant.now.seconds(since: heard) > patience {
        return LineCondition(.stalled, "No frame for more than \(Int(patience)) seconds.")
      }
      if setup.configuration.isFrozen(repetitions) {
        return LineCondition(.corrupt, "The camera delivers one and the same picture again and again.")
      }
    }
    switch setup.recipe.current {
    case .ready: return LineCondition(.running)
    case .notEnrolled(let explanation), .refused(_, let explanation):
      return LineCondition(.faulted, explanation)
    }
  }

  /// The source's faults since the last call, oldest first, those included that are over: a camera may be open again
  /// within a tenth of a second, sooner than anybody looks at `condition`.
  func takeFaults() -> [LineCondition] {
    capture.withLock { capture in
      defer { capture.faults = [] }
      return capture.faults
    }
  }

  private static let longestJudging = 10.0
  /// Of faults to be told; a source that has more between two looks is told of often enough.
  private static let mostFaults = 4

  // MARK: the capture thread

  private func captureFrames() {
    while let source = waitForSource() {
      deliver(from: source)
      record.accounts.retire(source)
      guard waitForExchange() else { return }
    }
  }

  /// Makes the source, trying again while that fails; nil at stop.
  private func waitForSource() -> (any FrameSource)? {
    while true {
      let makeSource = capture.withLock { capture in
        capture.isExchanging = false
        return capture.makeSource
      }
      do {
        let source = try makeSource()
        record.accounts.attach(source)
        let isStopping = capture.withLock { capture in
          capture.source = source
          return capture.isStopping || capture.isExchanging
        }
        // A stop that came before the source was known has not reached it.
        if isStopping { source.stop() }
        return source
      } catch {
        change(to: .failing(.faulted, explanation: error.description))
      }
      _ = woken.wait(timeout: .now() + .seconds(5))
      if capture.withLock({ $0.isStopping }) { return nil }
    }
  }

  /// After a source's end: whether another one follows. A replay that is over may be followed by another at any time.
  private func waitForExchange() -> Bool {
    while true {
      let verdict: Bool? = capture.withLock { capture in
        if capture.isStopping { return false }
        guard capture.isExchanging else { return nil }
        capture.source = nil
        capture.condition = .starting
        capture.heard = .now
        capture.repetition = Repetition()
        return true
      }
      if let verdict { return verdict }
      change(to: .ended)
      woken.wait()
    }
  }

  private func deliver(from source: any FrameSource) {
    while true {
      switch source.next() {
      case .frame(let frame):
        let repetitions = capture.withLock { capture in
          capture.heard = .now
          return capture.repetition.add(frame.image)
        }
        change(to: .delivering)
        accept(frame, repetitions: repetitions)
      case .rejected(let fault, let sequence):
        heard()
        reporter.reject(fault, sequence: sequence, recipe: recipe.current, line: configuration)
      case .status(let status):
        heard()
        change(to: SourceCondition(status), status.explanation)
      case .end:
        return
      }
    }
  }

  private func accept(_ frame: Frame, repetitions: Int) {
    snapshot.withLock { $0.take() }?(frame)
    let trigger = triggers.claim(frame)
    if trigger == nil, configuration.frames == .triggered {
      return record.accounts.rejected(Rejection.untriggered)
    }
    let incoming = Incoming(frame: frame, repetitions: repetitions, trigger: trigger)
    switch mailbox.put(incoming, isKept: trigger != nil) {
    case .delivered: break
    case .replaced: record.accounts.replaced()
    case .closed: giveUp(incoming)
    }
  }

  private func heard() { capture.withLock { $0.heard = .now } }

  /// - Parameter detail: what the source says of itself.
  private func change(to condition: SourceCondition, _ detail: String? = nil) {
    let isChange = capture.withLock { capture in
      guard capture.condition != condition else { return false }
      capture.condition = condition
      if case .failing(let state, let explanation) = condition, capture.faults.count < Self.mostFaults {
        capture.faults.append(LineCondition(state, explanation))
      }
      return true
    }
    guard isChange else { return }
    // Faults are logged by whoever takes them, for a line has others than its source's.
    switch condition {
    case .delivering: logger.info("Frames arrive.", metadata: detail.map { ["source": "\($0)"] })
    case .ended: logger.info("The replay is over.")
    case .starting, .failing: break
    }
  }

  // MARK: the judging thread

  private var reporter: LineReporter { record.reporter }

  private func judgeFrames() {
    while let incoming = mailbox.take() {
      let began = MonotonicInstant.now
      let isInTime = hand.withLock { hand in
        if case .abandoned = hand { return false }
        hand = .judging(since: began)
        return true
      }
      guard isInTime else { return giveUp(incoming) }
      // The snapshot for this frame: what is changed meanwhile holds from the next one on.
      let setup = setup
      let recipe = setup.recipe.current
      let finding = priority.foreground { examine(incoming, setup.configuration, recipe) }
      let isWanted = hand.withLock { hand in
        if case .abandoned = hand { return false }
        hand = .empty
        return true
      }
      guard isWanted else {
        incoming.trigger?.answer(.missed("the line stops."))
        return
      }
      switch finding.outcome {
      case .judged: record.accounts.judged()
      case .rejected(let rejection): record.accounts.rejected(rejection.reason)
      }
      let (resultID, verdict) = reporter.report(
        incoming.frame, finding, recipe: recipe, line: setup.configuration, began: began,
        part: incoming.trigger?.partID)
      incoming.trigger?.answer(.judged(resultID, verdict))
    }
  }

  private func examine(
    _ incoming: Incoming, _ configuration: LineConfiguration, _ recipe: RecipeState
  ) -> Finding {
    let frame = incoming.frame
    if let rejection = Rejection(frame, repetitions: incoming.repetitions, configuration) {
      return Finding(.rejected(rejection))
    }
    let decoded: DecodedPicture
    let began = MonotonicInstant.now
    do {
      decoded = try frame.image.decoded()
    } catch {
      return Finding(.rejected(Rejection(error.reason, .undecidable, error.description)))
    }
    let decodeMilliseconds = MonotonicInstant.now.milliseconds(since: began)
    if let collector = collector.withLock({ $0 }) {
      offer(decoded.picture, of: frame, configuration.region, to: collector)
    }
    var finding: Finding
    switch recipe {
    case .notEnrolled(let explanation):
      finding = Finding(.rejected(Rejection("not_enrolled", .undecidable, explanation)))
    case .refused(let reason, let explanation):
      finding = Finding(.rejected(Rejection(reason, .error, explanation)))
    case .ready(let active):
      do {
        let judgement = try active.judge(decoded.picture, region: configuration.region)
        if let rejection = Rejection(judgement) {
          finding = Finding(.rejected(rejection))
        } else {
          finding = Finding(.judged(judgement))
          finding.picture = decoded.picture
        }
      } catch {
        finding = Finding(.rejected(Rejection(error.reason, .error, error.description)))
      }
    }
    if !decoded.warnings.isEmpty { record.accounts.decodedWithWarnings() }
    finding.warnings = decoded.warnings
    finding.decodeMilliseconds = decodeMilliseconds
    return finding
  }

  private func offer(
    _ picture: Picture, of frame: Frame, _ region: PixelRect?, to collector: ReferenceCollector
  ) {
    let name = frame.label?.file ?? "\(frame.source) frame \(frame.sequence)"
    guard let region else {
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

extension LineConfiguration {
  /// Seconds. A source tells of a stall itself; this is for one that hangs and tells nothing.
  fileprivate var longestSilence: Double {
    switch source {
    case .camera(let options) where options.isTriggered: .infinity
    case .camera(let options): max(30, 20 / (options.framesPerSecond ?? 1))
    case .replay(let options): max(30, 20 / options.framesPerSecond)
    }
  }
}

extension LineConfiguration.Source {
  /// The controls of another source that is the same camera, asked for the same pictures; nil for any other.
  fileprivate func controls(leadingTo other: Self) -> [String: Int]? {
    guard case .camera(var old) = self, case .camera(let new) = other else { return nil }
    old.controls = new.controls
    return old == new ? new.controls : nil
  }
}
