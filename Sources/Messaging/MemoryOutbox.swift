import Synchronization

/// An outbox in memory: it survives the broker, not the process.
///
/// Every operation takes constant time on average.
public final class MemoryOutbox: Outbox {
  public struct Limits: Sendable, Equatable {
    public var messages: Int
    public var bytes: Int
    public var age: Duration

    public init(messages: Int = 20_000, bytes: Int = 64 << 20, age: Duration = .seconds(72 * 3600)) {
      self.messages = messages
      self.bytes = bytes
      self.age = age
    }
  }

  private struct State {
    var entries: [UInt64: (message: OutboxMessage, appended: ContinuousClock.Instant)] = [:]
    /// No entry has a smaller identifier.
    var oldest: UInt64 = 1
    /// The same for each importance.
    var oldestOf = [UInt64](repeating: 1, count: OutboxMessage.Importance.allCases.count)
    var counts = OutboxCounts()
  }

  private let limits: Limits
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  /// - Parameter now: the clock by which messages age.
  public init(limits: Limits = Limits(), now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
    self.limits = limits
    self.now = now
  }

  public func append(_ message: OutboxMessage) {
    let instant = now()
    state.withLock { state in
      state.counts.appended += 1
      dropAged(&state, instant)
      while state.counts.waiting + 1 > limits.messages
        || state.counts.waitingBytes + message.size > limits.bytes
      {
        guard let victim = victim(for: message, &state) else {
          state.counts.droppedForSpace += 1
          state.counts.newest += 1
          return
        }
        remove(victim, &state)
        state.counts.droppedForSpace += 1
      }
      state.counts.newest += 1
      state.entries[state.counts.newest] = (message, instant)
      state.counts.waiting += 1
      state.counts.waitingBytes += message.size
    }
  }

  public func next(after identifier: UInt64) -> OutboxEntry? {
    let instant = now()
    return state.withLock { state in
      dropAged(&state, instant)
      var candidate = max(identifier + 1, state.oldest)
      while candidate <= state.counts.newest {
        if let entry = state.entries[candidate] {
          return OutboxEntry(identifier: candidate, message: entry.message)
        }
        candidate += 1
      }
      return nil
    }
  }

  public func acknowledge(_ identifier: UInt64) {
    state.withLock { state in
      if remove(identifier, &state) { state.counts.acknowledged += 1 }
    }
  }

  public func reject(_ identifier: UInt64) {
    state.withLock { state in
      if remove(identifier, &state) { state.counts.rejected += 1 }
    }
  }

  public var counts: OutboxCounts { state.withLock(\.counts) }

  @discardableResult
  private func remove(_ identifier: UInt64, _ state: inout State) -> Bool {
    guard let entry = state.entries.removeValue(forKey: identifier) else { return false }
    state.counts.waiting -= 1
    state.counts.waitingBytes -= entry.message.size
    while state.oldest <= state.counts.newest, state.entries[state.oldest] == nil { state.oldest += 1 }
    return true
  }

  private func dropAged(_ state: inout State, _ instant: ContinuousClock.Instant) {
    while let entry = state.entries[state.oldest], instant - entry.appended > limits.age {
      remove(state.oldest, &state)
      state.counts.droppedForAge += 1
    }
  }

  /// The oldest message of the least importance, no more important than the newcomer; nil: the newcomer goes.
  private func victim(for newcomer: OutboxMessage, _ state: inout State) -> UInt64? {
    guard newcomer.size <= limits.bytes, limits.messages > 0 else { return nil }
    for importance in 0...newcomer.importance.rawValue {
      var candidate = max(state.oldestOf[importance], state.oldest)
      while candidate <= state.counts.newest {
        if state.entries[candidate]?.message.importance.rawValue == importance { break }
        candidate += 1
      }
      state.oldestOf[importance] = candidate
      if candidate <= state.counts.newest { return candidate }
    }
    return nil
  }
}
