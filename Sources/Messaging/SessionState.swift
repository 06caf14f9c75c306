import Synchronization

/// What the session's callers and its loop thread share: everything behind one lock, and a way to wake the loop.
final class SessionState: Sendable {
  enum Phase: Equatable {
    case idle
    case running
    case stopping(began: ContinuousClock.Instant, deadline: ContinuousClock.Instant)
    /// The session object is gone without a stop: end at once, so that the broker publishes the will.
    case abandoned
    case ended
  }

  /// A message that is sent now or never.
  struct Transient {
    var topic: String
    var payload: [UInt8]
    var quality: Int32
    var retain: Bool
    var properties = MessageProperties()
  }

  struct Retained {
    var topic: String
    var payload: [UInt8]
    /// Grows with each change of any retained value.
    var revision: UInt64
  }

  private struct Guarded {
    var phase = Phase.idle
    var status = MQTTStatus()
    var transients: [Transient] = []
    var transientBytes = 0
    /// In the order in which the topics first appeared; few, so a scan is enough.
    var retained: [Retained] = []
    var revision: UInt64 = 0
    var report: MQTTStopReport?
    var waiters: [CheckedContinuation<MQTTStopReport, Never>] = []
    var loopTurns = 0
  }

  /// Bounds on messages that wait for the loop. They fill only when the broker takes data too slowly.
  static let mostTransients = 256
  static let mostTransientBytes = 8 << 20
  static let mostRetainedTopics = 1024

  private let guarded = Mutex(Guarded())
  let wakeUp = WakeUp()

  // MARK: From any thread

  var status: MQTTStatus { guarded.withLock(\.status) }

  /// Turns of the loop since the start; a test holds this against time to show that nothing spins.
  var loopTurns: Int { guarded.withLock(\.loopTurns) }

  /// - Returns: whether it was idle before.
  func begin() -> Bool {
    guarded.withLock { state in
      guard state.phase == .idle else { return false }
      state.phase = .running
      state.status.connection = .connecting
      return true
    }
  }

  /// Queues a message for the connection that is up; drops and counts it where none is.
  func enqueue(_ message: Transient) {
    let accepted = guarded.withLock { state in
      guard state.status.connection == .online, message.payload.count <= Self.mostTransientBytes else {
        state.status.dropped += 1
        return false
      }
      state.transients.append(message)
      state.transientBytes += message.payload.count
      // What is newest counts: the oldest gives way.
      while state.transients.count > Self.mostTransients || state.transientBytes > Self.mostTransientBytes {
        state.transientBytes -= state.transients.removeFirst().payload.count
        state.status.dropped += 1
      }
      return true
    }
    if accepted { wakeUp.signal() }
  }

  /// Remembers the newest value of a retained topic.
  func remember(_ payload: [UInt8], on topic: String) {
    guarded.withLock { state in
      state.revision += 1
      let entry = Retained(topic: topic, payload: payload, revision: state.revision)
      if let index = state.retained.firstIndex(where: { $0.topic == topic }) {
        state.retained[index] = entry
      } else if state.retained.count < Self.mostRetainedTopics {
        state.retained.append(entry)
      } else {
        state.status.dropped += 1
      }
    }
    wakeUp.signal()
  }

  func stop(within limit: Duration) async -> MQTTStopReport {
    let now = ContinuousClock.now
    guarded.withLock { state in
      switch state.phase {
      case .idle:
        state.phase = .ended
        state.status.connection = .stopped
        state.report = MQTTStopReport(saidStopped: false, unacknowledged: 0)
      case .running:
        state.phase = .stopping(began: now, deadline: now + limit)
      case .stopping, .abandoned, .ended:
        break
      }
    }
    wakeUp.signal()
    return await withCheckedContinuation { continuation in
      let report = guarded.withLock { state in
        if state.report == nil { state.waiters.append(continuation) }
        return state.report
      }
      if let report {
        continuation.resume(returning: report)
      } else {
        // The loop keeps to the deadline by itself unless the name service holds it.
        Task {
          try? await Task.sleep(until: now + limit + .milliseconds(100), clock: .continuous)
          self.resumeWaiters(with: MQTTStopReport(saidStopped: false, unacknowledged: 0))
        }
      }
    }
  }

  func abandon() {
    guarded.withLock { state in
      if state.phase == .running { state.phase = .abandoned }
    }
    wakeUp.signal()
  }

  private func resumeWaiters(with report: MQTTStopReport) {
    let waiters = guarded.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(returning: report) }
  }

  // MARK: From the loop thread

  var phase: Phase { guarded.withLock(\.phase) }

  func turn() { guarded.withLock { $0.loopTurns += 1 } }

  func note(_ connection: MQTTStatus.Connection) {
    guarded.withLock { state in
      if connection == .online { state.status.connects += 1 }
      // Whatever waited for a connection that is gone is no news any more.
      if connection != .online {
        state.status.dropped += state.transients.count
        state.transients = []
        state.transientBytes = 0
      }
      state.status.connection = connection
      state.status.isListening = false
    }
  }

  func noteListening() { guarded.withLock { $0.status.isListening = true } }

  func note(_ fault: MQTTFault, endsConnection: Bool) {
    guarded.withLock { state in
      state.status.fault = fault
      if endsConnection { state.status.failures += 1 }
    }
  }

  func countDropped() { guarded.withLock { $0.status.dropped += 1 } }

  func countDroppedArrival() { guarded.withLock { $0.status.arrivalsDropped += 1 } }

  func takeTransients() -> [Transient] {
    guarded.withLock { state in
      defer {
        state.transients = []
        state.transientBytes = 0
      }
      return state.transients
    }
  }

  /// Retained values that changed after a revision, and the revision to ask with the next time.
  func retained(after revision: UInt64) -> (values: [Retained], revision: UInt64) {
    guarded.withLock { state in
      guard state.revision > revision else { return ([], revision) }
      return (state.retained.filter { $0.revision > revision }, state.revision)
    }
  }

  func end(_ report: MQTTStopReport) {
    guarded.withLock { state in
      state.phase = .ended
      state.status.connection = .stopped
      state.report = report
    }
    resumeWaiters(with: report)
  }
}
