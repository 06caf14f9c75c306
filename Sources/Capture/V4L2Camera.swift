import CVideo4Linux
import Imaging
import Synchronization

/// A V4L2 camera that looks after itself.
///
/// The first `next()` opens it. After any fault - unplugged, stalled, busy, a driver's error - everything is closed, the
/// change of status is reported, and after a growing, jittered wait the device is looked up and opened anew with the same
/// options, controls included. `running` is reported with the first good frame, not when the device opens.
public final class V4L2Camera: AdjustableSource {
  /// Silence of as many frame periods is a stall, but see `shortestStall`.
  static let stallPeriods = 10.0
  /// Cameras halve their rate in the dark, and a loaded machine hiccups.
  static let shortestStall: Int64 = 2_000_000_000
  /// USB cameras take seconds to their first frame.
  static let firstFrameLimit: Int64 = 6_000_000_000
  /// Rejected frames in a row after which a new start may help.
  static let hopeless = 100

  public let name: String
  public let options: CameraOptions

  private let system: any VideoSystemCalls
  private let jitter: @Sendable () -> Double
  private let waker: Waker
  private let run: Mutex<Run>
  private let shared: Mutex<Shared>
  /// Apart from `shared`, because a camera may take long over a control and nobody who counts frames shall wait for it.
  private let adjustment: Mutex<Adjustment>

  /// The capture thread's own.
  private struct Run {
    var phase = Phase.closed(until: nil)
    var pending: [FrameOutcome] = []
    var sequence = SequenceTracker()
    var status = StatusTracker()
    var backoff = Backoff()
  }

  private enum Phase {
    /// To be opened at that time; nil means now, for the first time.
    case closed(until: MonotonicInstant?)
    /// `heard`: when the last frame came, good or bad; nil before the first.
    case streaming(OpenCamera, heard: MonotonicInstant?)
    case ended
  }

  private struct Shared {
    var counters = SourceCounters()
    var description: StreamDescription?
  }

  private struct Adjustment {
    /// What is wanted now; `options.controls` is what was wanted at first.
    var controls: [String: Int]
    /// The device while it is open.
    var device: VideoDevice?
  }

  /// What the open camera is and gives.
  public struct StreamDescription: Sendable, Equatable, Codable {
    /// The node behind the name, for example `/dev/video2`.
    public let node: String
    public let card: String
    public let driver: String
    public let bus: String
    public let mode: CameraMode
    public internal(set) var controls: [ControlSetting]
  }

  /// Does not touch the device yet.
  /// - Throws: `outOfResources` if the process has no descriptor left.
  public convenience init(name: String, options: CameraOptions) throws(CaptureError) {
    try self.init(name: name, options: options, system: LinuxVideo()) { Double.random(in: 0...1) }
  }

  /// `jitter` gives numbers in 0...1.
  package init(
    name: String, options: CameraOptions, system: any VideoSystemCalls,
    jitter: @escaping @Sendable () -> Double
  ) throws(CaptureError) {
    self.name = name
    self.options = options
    self.system = system
    self.jitter = jitter
    waker = try Waker()
    run = Mutex(Run())
    shared = Mutex(Shared())
    adjustment = Mutex(Adjustment(controls: options.controls))
  }

  /// A camera nobody holds any more is closed.
  deinit { run.withLock { close(&$0) } }

  public func stop() { waker.wake() }

  public var counters: SourceCounters { shared.withLock { $0.counters } }

  /// nil while the camera is not open.
  public var stream: StreamDescription? { shared.withLock { $0.description } }

  public func next() -> FrameOutcome {
    run.withLock { run in
      while true {
        if !run.pending.isEmpty { return run.pending.removeFirst() }
        if waker.isAwake { end(&run) }
        switch run.phase {
        case .ended: return .end
        case .closed(let time): open(&run, at: time)
        case .streaming(let camera, let heard): listen(&run, camera, heard)
        }
      }
    }
  }

  // MARK: - Opening and closing

  private func open(_ run: inout Run, at time: MonotonicInstant?) {
    if let time {
      system.wait(until: time, or: waker)
      if waker.isAwake { return }
      shared.withLock { $0.counters.reopened += 1 }
    }
    do {
      var options = options
      options.controls = adjustment.withLock { $0.controls }
      let camera = try OpenCamera(options, system)
      run.sequence.restart()
      run.phase = .streaming(camera, heard: nil)
      let description = StreamDescription(
        node: system.resolve(camera.device.path) ?? camera.device.path, card: camera.device.card,
        driver: camera.device.driver, bus: camera.device.bus, mode: camera.mode, controls: camera.settings)
      shared.withLock { $0.description = description }
      adjustment.withLock { adjustment in
        adjustment.device = camera.device
        // Somebody may have asked for others while the camera was being opened.
        if adjustment.controls != options.controls { apply(adjustment.controls, to: camera.device) }
      }
    } catch {
      fail(&run, error)
    }
  }

  /// Reports the fault, closes everything and plans the next attempt.
  private func fail(_ run: inout Run, _ error: CaptureError) {
    close(&run)
    if let change = run.status.fail(error) { run.pending.append(.status(change)) }
    run.phase = .closed(until: system.now().advanced(by: run.backoff.next(random: jitter())))
  }

  private func end(_ run: inout Run) {
    close(&run)
    run.phase = .ended
  }

  private func close(_ run: inout Run) {
    guard case .streaming(let camera, _) = run.phase else { return }
    adjustment.withLock { $0.device = nil }
    camera.close()
    run.phase = .closed(until: nil)
    shared.withLock { $0.description = nil }
  }

  // MARK: - Controls

  public func refusals(of controls: [String: Int]) -> [String] {
    adjustment.withLock { $0.device?.refusals(of: controls) ?? [] }
  }

  public func adjust(controls: [String: Int]) {
    adjustment.withLock { adjustment in
      adjustment.controls = controls
      if let device = adjustment.device { apply(controls, to: device) }
    }
  }

  private func apply(_ controls: [String: Int], to device: VideoDevice) {
    let settings = device.apply(controls)
    shared.withLock { $0.description?.controls = settings }
  }

  // MARK: - Streaming

  /// Waits for the driver and turns what it has to say into outcomes.
  private func listen(_ run: inout Run, _ camera: OpenCamera, _ heard: MonotonicInstant?) {
    let deadline = stallTime(camera, heard)
    do throws(CaptureError) {
      let events = try poll(camera, until: deadline)
      if waker.isAwake { return }
      if events.contains(.event) && !events.contains(.error) && camera.device.takeSourceChange() {
        throw CaptureError(.sourceChanged, "\(camera.device.path): the size or timing of the input changed.")
      }
      if !events.isDisjoint(with: [.frame, .error]), try drain(&run, camera, isFirst: heard == nil) {
        run.phase = .streaming(camera, heard: system.now())
      } else if events.contains(.error) {
        // The queue is broken, yet dequeuing has no complaint: without this the loop would spin.
        throw CaptureError(
          .streamError, "\(camera.device.path): the driver stopped the stream with an error.")
      } else if let deadline, system.now() >= deadline {
        throw stall(camera, heard)
      }
      if run.status.rejectedInARow >= Self.hopeless {
        throw CaptureError(
          .corrupt,
          "\(camera.device.path): \(run.status.rejectedInARow) frames in a row cannot be used; starting anew."
        )
      }
    } catch {
      fail(&run, error)
    }
  }

  private func poll(
    _ camera: OpenCamera, until deadline: MonotonicInstant?
  ) throws(CaptureError) -> DeviceEvents {
    do {
      return try system.poll(camera.device.descriptor, or: waker, until: deadline)
    } catch {
      throw camera.device.explain(error, .streamError)
    }
  }

  /// When silence becomes a stall; never for triggered cameras.
  private func stallTime(_ camera: OpenCamera, _ heard: MonotonicInstant?) -> MonotonicInstant? {
    if options.isTriggered { return nil }
    let period = 1e9 / max(camera.mode.framesPerSecond ?? 0, 0.001)
    let periods = camera.mode.framesPerSecond == nil ? 0 : Int64(Self.stallPeriods * period)
    guard let heard else { return camera.openedAt.advanced(by: max(Self.firstFrameLimit, periods)) }
    return heard.advanced(by: max(Self.shortestStall, periods))
  }

  private func stall(_ camera: OpenCamera, _ heard: MonotonicInstant?) -> CaptureError {
    let since = system.now().since(heard ?? camera.openedAt) / 1_000_000
    return CaptureError(
      .stalled,
      "\(camera.device.path): no frame for \(CameraMode.rounded(Double(since) / 1000)) s at "
        + (camera.mode.framesPerSecond.map { "\(CameraMode.rounded($0)) frames a second." }
          ?? "an unknown rate."))
  }

  /// Takes every filled buffer, accounts for each, and keeps the newest good one.
  /// - Returns: whether there was any.
  private func drain(_ run: inout Run, _ camera: OpenCamera, isFirst: Bool) throws(CaptureError) -> Bool {
    var newest: (buffer: v4l2_buffer, sequence: UInt64, flags: FrameFlags)?
    var flags: FrameFlags = isFirst ? [.afterOpen] : []
    var took = false
    var failure: CaptureError?
    do throws(CaptureError) {
      for _ in 0..<camera.stream.bufferCount {
        guard let buffer = try camera.stream.dequeue() else { break }
        took = true
        let (sequence, lost) = run.sequence.advance(to: buffer.sequence)
        if lost > 0 { flags.insert(.afterGap) }
        if let fault = camera.fault(of: buffer) {
          shared.withLock {
            $0.counters.dropped += lost
            $0.counters.reject(fault)
          }
          run.pending.append(.rejected(fault, sequence: sequence))
          if let change = run.status.reject(fault, from: camera.device.path) {
            run.pending.append(.status(change))
          }
          try camera.stream.requeue(buffer)
          continue
        }
        // Until the frame is handed out it counts as superseded, so the books balance at any moment.
        shared.withLock {
          $0.counters.dropped += lost
          $0.counters.captured += 1
          $0.counters.superseded += 1
        }
        let older = newest?.buffer
        newest = (buffer, sequence, flags)
        if let older { try camera.stream.requeue(older) }
      }
    } catch {
      failure = error
    }
    if let newest {
      deliver(&run, camera, newest)
      if failure == nil { try camera.stream.requeue(newest.buffer) }
    }
    if let failure { throw failure }
    return took
  }

  private func deliver(
    _ run: inout Run, _ camera: OpenCamera,
    _ taken: (buffer: v4l2_buffer, sequence: UInt64, flags: FrameFlags)
  ) {
    let arrival = system.now()
    let exposure = ExposureTime(taken.buffer, arrival: arrival)
    var flags = taken.flags
    if camera.mode.isInterlaced { flags.insert(.interlaced) }
    let frame = Frame(
      image: camera.image(of: taken.buffer), source: name, sequence: taken.sequence,
      exposure: exposure.instant,
      exposureUTC: system.utc(exposure.instant), clockQuality: exposure.quality, arrival: arrival,
      flags: flags)
    shared.withLock {
      $0.counters.superseded -= 1
      $0.counters.delivered += 1
    }
    run.backoff.reset()
    if let change = run.status.accept(camera.summary) { run.pending.append(.status(change)) }
    run.pending.append(.frame(frame))
  }
}
