import Synchronization

/// An outbox in memory: it survives the broker, not the process.
public final class MemoryOutbox: Outbox {
  private struct State {
    var queue = MessageQueue()
    var counts = OutboxCounts()
    var newestAlerts: [String: [UInt8]] = [:]
  }

  private let limits: OutboxLimits
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  /// - Parameter now: the clock by which messages age.
  public init(
    limits: OutboxLimits = .inMemory, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.limits = limits
    self.now = now
  }

  public func append(_ message: OutboxMessage) {
    let instant = now()
    state.withLock { state in
      state.counts.appended += 1
      state.counts.newest += 1
      dropAged(&state, instant)
      if message.importance == .alert { state.newestAlerts[message.topic] = message.payload }
      let (dropped, isRoom) = state.queue.makeRoom(for: message, limits)
      state.counts.droppedForSpace += dropped + (isRoom ? 0 : 1)
      if isRoom { state.queue.insert(message, as: state.counts.newest, appended: instant) }
    }
  }

  public func next(after identifier: UInt64, in lane: OutboxLane) -> OutboxEntry? {
    let instant = now()
    return state.withLock { state in
      dropAged(&state, instant)
      return state.queue.first(after: identifier, in: lane)
    }
  }

  public func acknowledge(_ identifier: UInt64) {
    state.withLock { if $0.queue.remove(identifier) != nil { $0.counts.acknowledged += 1 } }
  }

  public func reject(_ identifier: UInt64) {
    state.withLock { if $0.queue.remove(identifier) != nil { $0.counts.rejected += 1 } }
  }

  public var counts: OutboxCounts {
    state.withLock { state in
      var counts = state.counts
      counts.waiting = state.queue.count
      counts.unwritten = counts.waiting
      counts.waitingBytes = state.queue.bytes
      return counts
    }
  }

  /// Everything is always at hand: there is no news but by `append`.
  public func onNews(_ wake: @escaping @Sendable () -> Void) {}

  public var newestAlerts: [String: [UInt8]] { state.withLock(\.newestAlerts) }

  public func close(within limit: Duration) async -> Bool { true }

  private func dropAged(_ state: inout State, _ instant: ContinuousClock.Instant) {
    state.counts.droppedForAge += state.queue.dropResults(before: instant - limits.age)
  }
}
