import Capture
import Dispatch
import Foundation
import Glibc
import Synchronization

/// A thread with a name that somebody waits for, but not for ever.
///
/// Lines have threads of their own rather than tasks: a task that waits in a system call or computes for long would
/// take one of the few threads all tasks share.
final class WorkerThread: Sendable {
  enum Priority {
    case normal
    /// For work that may take its time: the scheduler prefers every other thread.
    case background
  }

  private let ended = DispatchSemaphore(value: 0)

  /// - Parameter name: the kernel shows at most 15 bytes of it.
  init(name: String, priority: Priority = .normal, body: @escaping @Sendable () -> Void) {
    let thread = Thread { [ended] in
      // The kernel is told the name only where a thread names itself.
      Thread.current.name = String(name.prefix(15))
      // On Linux a nice value belongs to the thread, and 0 names the calling one.
      if priority == .background { setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10) }
      body()
      ended.signal()
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  /// Whether the thread ended before the deadline. To be called once.
  func wait(until deadline: MonotonicInstant) -> Bool {
    let left = max(0, deadline.since(.now))
    return ended.wait(timeout: .now() + .nanoseconds(Int(left))) == .success
  }
}
