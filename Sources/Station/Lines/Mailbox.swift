import Dispatch
import Synchronization

/// A place for one value between a thread that must not wait and one that takes its time.
///
/// Putting never waits: a value not yet taken is replaced, because on a production line the newest frame is the one
/// worth judging. One thread puts and one takes.
final class Mailbox<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var isClosed = false
  }

  private let state = Mutex(State())
  /// Counts one for a value that lies there, and one more once the mailbox is closed.
  private let filled = DispatchSemaphore(value: 0)

  enum Put {
    case delivered
    /// The value that lay there was never taken.
    case replaced
    /// Nobody will take values any more.
    case closed
  }

  func put(_ value: sending Value) -> Put {
    let (result, wasEmpty) = state.withLock { state in
      if state.isClosed { return (Put.closed, false) }
      let wasEmpty = state.value == nil
      state.value = value
      return (wasEmpty ? .delivered : .replaced, wasEmpty)
    }
    if wasEmpty { filled.signal() }
    return result
  }

  /// Waits for a value; nil once the mailbox is closed.
  func take() -> Value? {
    filled.wait()
    return state.withLock { $0.value.take() }
  }

  /// Ends the waiting and returns the value that was never taken.
  func close() -> Value? {
    let left = state.withLock { state in
      state.isClosed = true
      return state.value.take()
    }
    filled.signal()
    return left
  }
}
