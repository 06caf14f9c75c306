import Capture
import Dispatch
import Synchronization

/// A place for values between a thread that must not wait and one that takes its time.
///
/// Putting never waits: a value not yet taken is replaced, because on a production line the newest frame is the one
/// worth judging. Values somebody asked for by name are the exception: they are kept, in order, until they are taken,
/// and come first. Whoever marks values so bounds how many there can be. One thread puts and one takes.
final class Mailbox<Value: Sendable>: Sendable {
  private struct State {
    var kept: [Value] = []
    var newest: Value?
    /// When the oldest value that is still here, or was replaced by one that is, came; nil while nothing waits.
    var waitsSince: MonotonicInstant?
    var isClosed = false
  }

  private let state = Mutex(State())
  /// Counts the values that lie there, and one more once the mailbox is closed.
  private let filled = DispatchSemaphore(value: 0)

  enum Put {
    case delivered
    /// The value that lay there was never taken.
    case replaced
    /// Nobody will take values any more.
    case closed
  }

  /// - Parameter isKept: whether no later value may replace this one.
  func put(_ value: sending Value, isKept: Bool = false) -> Put {
    let (result, isMore) = state.withLock { state in
      if state.isClosed { return (Put.closed, false) }
      state.waitsSince = state.waitsSince ?? .now
      if isKept {
        state.kept.append(value)
        return (.delivered, true)
      }
      let wasEmpty = state.newest == nil
      state.newest = value
      return (wasEmpty ? .delivered : .replaced, wasEmpty)
    }
    if isMore { filled.signal() }
    return result
  }

  /// Waits for a value; nil once the mailbox is closed.
  func take() -> Value? {
    filled.wait()
    return state.withLock { state in
      let value = state.kept.isEmpty ? state.newest.take() : state.kept.removeFirst()
      state.waitsSince = state.kept.isEmpty && state.newest == nil ? nil : .now
      return value
    }
  }

  /// Values that lie here and are never replaced.
  var keptCount: Int { state.withLock { $0.kept.count } }

  /// For how many seconds values have lain here without any being taken; 0 while there is none.
  var secondsUntaken: Double {
    state.withLock { $0.waitsSince }.map { MonotonicInstant.now.seconds(since: $0) } ?? 0
  }

  /// Ends the waiting and returns the values that were never taken, oldest first.
  func close() -> [Value] {
    let left = state.withLock { state in
      state.isClosed = true
      let left = state.kept + (state.newest.map { [$0] } ?? [])
      state.kept = []
      state.newest = nil
      state.waitsSince = nil
      return left
    }
    filled.signal()
    return left
  }
}
