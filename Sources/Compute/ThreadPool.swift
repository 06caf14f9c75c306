internal import Foundation
internal import Glibc
internal import Synchronization

/// A fixed set of threads that share loops.
///
/// The thread that calls `forEach` works too, so a pool of one has no threads of its own. Indices are handed out one
/// at a time, so a thread that is held up by other work on the machine does not hold up the loop. Between two loops
/// the threads spin for a few microseconds, which is what lies between two loops of one frame, and then sleep.
/// Loops from different threads take turns.
public final class ThreadPool: Sendable {
  /// Threads that work on a loop, the calling one included.
  public let threads: Int
  private let state: PoolState
  private let turn = NSLock()

  /// - Parameter threads: at least 1; the default is one a processor this process may run on.
  public init(threads: Int = ThreadPool.processorCount) {
    precondition(threads >= 1, "A thread pool needs at least one thread, not \(threads).")
    self.threads = threads
    state = PoolState()
    for index in 1..<max(threads, 1) {
      let thread = Thread { [state] in state.work(thread: index) }
      thread.name = "assayd-compute"
      thread.start()
    }
  }

  deinit { state.stop() }

  /// Processors this process may run on (its affinity mask counts, as set by systemd or taskset).
  public static var processorCount: Int { ProcessInfo.processInfo.activeProcessorCount }

  /// Calls `body(index, thread)` once for each index in `0..<count`, in no order, and returns when all are done.
  ///
  /// `thread` is in `0..<threads` and is held by one call at a time: it selects a workspace.
  public func forEach(_ count: Int, _ body: @Sendable (_ index: Int, _ thread: Int) -> Void) {
    if threads == 1 || count <= 1 {
      for index in 0..<count { body(index, 0) }
      return
    }
    turn.withLock {
      withoutActuallyEscaping(body) { body in
        state.run(count: count, helpers: threads - 1, body: body)
      }
    }
  }
}

/// What the threads of a pool share.
private final class PoolState: @unchecked Sendable {
  private let next = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let busy = Atomic<Int>(0)
  private let sleepers = NSCondition()
  /// Written by `run` before it advances `generation`, read by the threads after they see it advance.
  private var count = 0
  private var body: (@Sendable (Int, Int) -> Void)?
  private let stopping = Atomic<Bool>(false)

  /// How often a thread looks for the next loop before it sleeps: some tens of microseconds.
  private static let spins = 20_000

  func run(count: Int, helpers: Int, body: @escaping @Sendable (Int, Int) -> Void) {
    self.count = count
    self.body = body
    next.store(0, ordering: .relaxed)
    busy.store(helpers, ordering: .relaxed)
    sleepers.withLock {
      _ = generation.add(1, ordering: .releasing)
      sleepers.broadcast()
    }
    take(thread: 0, count: count, body: body)
    var spins = 0
    while busy.load(ordering: .acquiring) > 0 {
      spins += 1
      if spins > Self.spins { sched_yield() }
    }
    self.body = nil
  }

  private func take(thread: Int, count: Int, body: (Int, Int) -> Void) {
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < count else { return }
      body(index, thread)
    }
  }

  func work(thread: Int) {
    var seen = 0
    while true {
      var spins = 0
      while generation.load(ordering: .acquiring) == seen, spins < Self.spins { spins += 1 }
      sleepers.withLock {
        while generation.load(ordering: .acquiring) == seen { sleepers.wait() }
      }
      if stopping.load(ordering: .acquiring) { return }
      seen = generation.load(ordering: .acquiring)
      if let body { take(thread: thread, count: count, body: body) }
      busy.subtract(1, ordering: .releasing)
    }
  }

  func stop() {
    stopping.store(true, ordering: .releasing)
    sleepers.withLock {
      _ = generation.add(1, ordering: .releasing)
      sleepers.broadcast()
    }
  }
}
