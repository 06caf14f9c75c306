import Foundation
import Imaging
import Synchronization

@testable import Capture

/// A camera that plays a script, step by step, and counts as a real one does.
final class ScriptedSource: AdjustableSource {
  enum Step: Sendable {
    case frame(RawImage)
    /// Counts a frame that it never hands over, as no source should.
    case lost
    case rejected(FrameFault)
    case fault(SourceFault)
    case running
    case pause(Duration)
    /// Waits until the line has dealt with all frames so far.
    case handled
    /// Waits until something holds.
    case until(@Sendable () -> Bool)
    /// Waits until the source is stopped.
    case wait
    /// Waits that long whatever happens: a driver that does not come back.
    case hang(Duration)
  }

  let name = "script"
  private let state: Mutex<State>
  private let stopping = DispatchSemaphore(value: 0)
  private let isHandled = Mutex<@Sendable () -> Bool>({ false })

  private struct State {
    var steps: [Step]
    var repeats: Bool
    var next = 0
    var sequence: UInt64 = 0
    var counters = SourceCounters()
    var isStopped = false
    var hasEnded = false
    var controls: [[String: Int]] = []
  }

  /// - Parameter repeats: whether the script starts over; otherwise the source waits for its stop.
  init(_ steps: [Step], repeats: Bool = false) {
    state = Mutex(State(steps: steps, repeats: repeats))
  }

  /// Tells how to find out that no frame of the line is on its way.
  func setHandled(_ condition: @escaping @Sendable () -> Bool) { isHandled.withLock { $0 = condition } }

  private func wait(until condition: () -> Bool) {
    while !condition(), !state.withLock({ $0.isStopped }) { usleep(1000) }
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    stopping.signal()
  }

  var counters: SourceCounters { state.withLock { $0.counters } }

  /// The controls that were asked for, one after the other.
  var adjustments: [[String: Int]] { state.withLock { $0.controls } }

  func adjust(controls: [String: Int]) { state.withLock { $0.controls.append(controls) } }

  func refusals(of controls: [String: Int]) -> [String] {
    controls.keys.filter { $0 == "gian" }.map { "\($0) is not a control of this camera." }
  }

  /// Whether `next()` has returned `.end`.
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func next() -> FrameOutcome {
    while true {
      let step: Step? = state.withLock { state in
        if state.isStopped {
          state.hasEnded = true
          return nil
        }
        if state.next == state.steps.count {
          guard state.repeats, !state.steps.isEmpty else { return .wait }
          state.next = 0
        }
        defer { state.next += 1 }
        return state.steps[state.next]
      }
      switch step {
      case nil: return .end
      case .frame(let image): return frame(image)
      case .lost: state.withLock { $0.counters.captured += 1 }
      case .rejected(let fault):
        return state.withLock { state in
          state.counters.reject(fault)
          state.sequence += 1
          return .rejected(fault, sequence: state.sequence - 1)
        }
      case .fault(let fault):
        return .status(SourceStatus(CaptureError(fault, "The script says \(fault.rawValue).")))
      case .running: return .status(.running("The script runs."))
      case .pause(let duration): usleep(UInt32(duration / .microseconds(1)))
      case .handled:
        let condition: @Sendable () -> Bool = isHandled.withLock { $0 }
        wait(until: condition)
      case .until(let condition): wait(until: condition)
      case .wait:
        stopping.wait()
        stopping.signal()
      case .hang(let duration): usleep(UInt32(duration / .microseconds(1)))
      }
    }
  }

  private func frame(_ image: RawImage) -> FrameOutcome {
    let now = LinuxVideo().now()
    let utc = UTCInstant(nanoseconds: Int64(Date.now.timeIntervalSince1970 * 1e9))
    return state.withLock { state in
      state.counters.captured += 1
      state.counters.delivered += 1
      state.sequence += 1
      return .frame(
        Frame(
          image: image, source: name, sequence: state.sequence - 1, exposure: now, exposureUTC: utc,
          clockQuality: .startOfExposure, arrival: now))
    }
  }
}
