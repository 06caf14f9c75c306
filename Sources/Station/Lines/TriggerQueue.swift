import Capture
import Messaging
import Synchronization

/// Commands that wait for the picture of their part.
///
/// A trigger gets the first frame whose exposure began at or after the trigger, and that frame is judged in any case. So
/// the picture is of the part that stood before the camera when the trigger came, never of the one before; and of two
/// triggers in short order each gets a frame of its own.
final class TriggerQueue: Sendable {
  /// What came of a trigger.
  enum Outcome: Sendable {
    case judged(ULID, ReportedVerdict)
    /// No frame was judged for it; the reason, to follow a colon.
    case missed(String)
  }

  struct Trigger: Sendable {
    fileprivate let identifier: UInt64
    let partID: String?
    /// When the part was before the camera.
    let instant: MonotonicInstant
    /// To be called once.
    let answer: @Sendable (Outcome) -> Void
  }

  /// Triggers that may wait at the same time; more parts than that cannot be between the gate and the camera.
  static let limit = 16

  private struct State {
    var waiting: [Trigger] = []
    var next: UInt64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Adds a trigger; nil where too many wait or the line stops.
  ///
  /// - Returns: what `expire` takes.
  func add(
    partID: String?, at instant: MonotonicInstant, answer: @escaping @Sendable (Outcome) -> Void
  ) -> UInt64? {
    state.withLock { state in
      guard !state.isClosed, state.waiting.count < Self.limit else { return nil }
      state.next += 1
      state.waiting.append(
        Trigger(identifier: state.next, partID: partID, instant: instant, answer: answer))
      return state.next
    }
  }

  /// Takes out the oldest trigger that the frame answers.
  func claim(_ frame: Frame) -> Trigger? {
    state.withLock { state in
      guard let first = state.waiting.first, frame.exposure >= first.instant else { return nil }
      return state.waiting.removeFirst()
    }
  }

  /// Gives up a trigger that no frame has answered yet.
  func expire(_ identifier: UInt64, reason: String) {
    let expired = state.withLock { state in
      state.waiting.firstIndex { $0.identifier == identifier }.map { state.waiting.remove(at: $0) }
    }
    expired?.answer(.missed(reason))
  }

  /// Gives up all triggers and takes no more.
  func close() {
    let left = state.withLock { state in
      state.isClosed = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for trigger in left { trigger.answer(.missed("the line stops.")) }
  }
}
