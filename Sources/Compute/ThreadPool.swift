internal import CThreads
internal import Foundation
internal import Glibc
internal import Synchronization

/// A fixed team of threads that work on jobs together, one job at a time.
///
/// Each thread is bound to a processor of its own where the system allows it; otherwise the kernel now and then puts two of
/// them on one processor and leaves another idle for whole seconds. All threads run the same job; inside it
/// they share loops (`Worker.forEach`) and wait for each other by spinning, because what lies between two loops of
/// one frame is shorter than falling asleep and waking up. Between jobs they spin for some microseconds and
/// then sleep. The thread that brings a job sleeps until it is done. Jobs from different threads take turns.
///
/// A pool of one has no threads of its own: the caller does the work.
public final class ThreadPool: Sendable {
  /// Threads that work on a job.
  public let threads: Int
  private let team: Team?
  private let turn = NSLock()

  /// - Parameter threads: at least 1; the default is one a processor this process may run on.
  public init(threads: Int = ThreadPool.processorCount) {
    precondition(threads >= 1, "A thread pool needs at least one thread, not \(threads).")
    self.threads = threads
    guard threads > 1 else {
      team = nil
      return
    }
    let team = Team(size: threads)
    self.team = team
    for index in 0..<threads {
      let thread = Thread { team.work(as: Worker(index: index, team: team)) }
      thread.name = "assayd-compute"
      thread.start()
    }
  }

  /// For those who have no pool: whoever asks does the work.
  public static let callingThread = ThreadPool(threads: 1)

  deinit { team?.stop() }

  /// Processors this process may run on (its affinity mask counts, as set by systemd or taskset).
  public static var processorCount: Int { ProcessInfo.processInfo.activeProcessorCount }

  /// Runs a job on all threads and returns when the last one has ended it.
  public func run(_ job: any PoolJob) {
    guard let team else { return job.work(Worker(index: 0, team: nil)) }
    turn.withLock { team.run(job, onAll: true) }
  }

  /// Calls `body(index, thread)` once for each index in `0..<count`, in no order, and returns when all are done.
  ///
  /// `thread` is in `0..<threads` and is held by one call at a time: it selects a workspace.
  public func forEach(_ count: Int, _ body: @Sendable (_ index: Int, _ thread: Int) -> Void) {
    withoutActuallyEscaping(body) { run(LoopJob(count: count, body: $0)) }
  }

  /// Shares a loop among those threads that have nothing else to do, and returns when it is done.
  ///
  /// For work that is much shorter than other jobs. If one of those is at work it is not waited for: the calling thread
  /// does everything itself. Nor is a thread whose processor something else has taken: the others do its part.
  ///
  /// - Parameters:
  ///   - size: indices a thread takes at a time.
  ///   - body: called with ranges that together are `0..<count`, in no order, on several threads at once; never after the
  ///     return, though a thread that came too late may hold it a moment longer.
  public func share(
    _ count: Int, inRangesOf size: Int, _ body: @escaping @Sendable (_ range: Range<Int>) -> Void
  ) {
    if count == 0 { return }
    guard let team, turn.try() else { return body(0..<count) }
    defer { turn.unlock() }
    team.run(SharedLoop(count: count, size: size, body: body), onAll: false)
  }
}

/// Work for all threads of a pool. An object rather than a closure, so that whoever brings the same job for every frame
/// asks for no memory.
public protocol PoolJob: AnyObject, Sendable {
  /// Called once on each thread.
  func work(_ worker: Worker)
}

private final class LoopJob: PoolJob {
  private let count: Int
  private let body: @Sendable (Int, Int) -> Void

  init(count: Int, body: @escaping @Sendable (Int, Int) -> Void) {
    self.count = count
    self.body = body
  }

  func work(_ worker: Worker) { worker.forEach(count) { body($0, worker.index) } }
}

/// A loop that threads may join at any time. The first to leave knows that it is done.
private final class SharedLoop: PoolJob {
  private let count: Int
  private let size: Int
  private let body: @Sendable (Range<Int>) -> Void
  private let begun = Atomic<Int>(0)
  private let done = Atomic<Int>(0)

  init(count: Int, size: Int, body: @escaping @Sendable (Range<Int>) -> Void) {
    self.count = count
    self.size = size
    self.body = body
  }

  func work(_ worker: Worker) {
    while true {
      let first = begun.add(size, ordering: .relaxed).oldValue
      if first >= count { break }
      let range = first..<min(first + size, count)
      body(range)
      done.add(range.count, ordering: .releasing)
    }
    spin { done.load(ordering: .acquiring) == count }
  }
}

/// Waits for other threads inside a job; only after some tens of microseconds does it offer its processor to others.
private func spin(until isSo: () -> Bool) {
  var looks = 0
  while !isSo() {
    ct_pause()
    looks += 1
    if looks > 4_000 { sched_yield() }
  }
}

/// One thread of a pool while it works on a job.
public struct Worker: Sendable {
  /// In `0..<threads`: selects a workspace.
  public let index: Int
  fileprivate let team: Team?

  /// Shares a loop with the other threads of the pool: each index in `0..<count` goes to one of them, in no order, one
  /// at a time, so that a thread that is held up by other work on the machine does not hold up the loop. Returns when
  /// all indices are done.
  ///
  /// Every thread of the job calls this the same number of times with the same counts.
  public func forEach(_ count: Int, _ body: (_ index: Int) -> Void) {
    guard let team else {
      for index in 0..<count { body(index) }
      return
    }
    while let index = team.take(below: count) { body(index) }
    team.meet()
  }
}

/// What the threads of a pool share.
private final class Team: @unchecked Sendable {
  private let size: Int
  /// Number of the job at work; written with both `sleepers` and `finished` locked.
  private let generation = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  /// The job at work; guarded by `sleepers`.
  private var job: (any PoolJob)?
  /// Threads that must come back from the job before it is done; guarded by `finished`.
  private var awaited = 0
  private let sleepers = NSCondition()
  private let finished = NSCondition()

  /// The next index of the loop at work.
  private let next = Atomic<Int>(0)
  /// Threads that have come to the end of the loop, and the number of loops that all of them have ended.
  private let arrived = Atomic<Int>(0)
  private let meetings = Atomic<Int>(0)

  /// How often a thread looks for the next job before it sleeps: some microseconds. The caller of the last one may be about to
  /// wake up on this very processor.
  private static let looks = 400

  init(size: Int) { self.size = size }

  /// - Parameter onAll: whether the job is done when all threads come back from it, or when the first one does.
  func run(_ job: any PoolJob, onAll: Bool) {
    sleepers.lock()
    self.job = job
    finished.lock()
    awaited = onAll ? size : 1
    generation.add(1, ordering: .releasing)
    finished.unlock()
    sleepers.broadcast()
    sleepers.unlock()
    finished.lock()
    while awaited > 0 { finished.wait() }
    finished.unlock()
    sleepers.withLock { self.job = nil }
  }

  func work(as worker: Worker) {
    let processor = ct_allowed_processor(Int32(worker.index))
    // Where binding is refused, the threads go where the kernel puts them.
    if processor >= 0 { _ = ct_bind_to_processor(processor) }
    var seen = 0
    while true {
      var looks = 0
      while generation.load(ordering: .acquiring) == seen, looks < Self.looks {
        ct_pause()
        looks += 1
      }
      sleepers.lock()
      while generation.load(ordering: .acquiring) == seen { sleepers.wait() }
      seen = generation.load(ordering: .acquiring)
      // None where this thread comes too late for a job that did not need it.
      var job = job
      sleepers.unlock()
      if stopping.load(ordering: .acquiring) { return }
      if job == nil { continue }
      job?.work(worker)
      // Let go before the caller knows that it is done: a closure in it may not outlive the call.
      job = nil
      finished.lock()
      // Otherwise others have done the job, and the next one is at work.
      if generation.load(ordering: .acquiring) == seen {
        awaited -= 1
        if awaited == 0 { finished.signal() }
      }
      finished.unlock()
    }
  }

  func take(below count: Int) -> Int? {
    let index = next.add(1, ordering: .relaxed).oldValue
    return index < count ? index : nil
  }

  /// Waits until all threads have ended the loop.
  func meet() {
    let meeting = meetings.load(ordering: .acquiring)
    if arrived.add(1, ordering: .acquiringAndReleasing).newValue == size {
      // The last one prepares the next loop before it lets the others go.
      arrived.store(0, ordering: .relaxed)
      next.store(0, ordering: .relaxed)
      meetings.add(1, ordering: .releasing)
      return
    }
    spin { meetings.load(ordering: .acquiring) != meeting }
  }

  func stop() {
    stopping.store(true, ordering: .releasing)
    sleepers.lock()
    generation.add(1, ordering: .releasing)
    sleepers.broadcast()
    sleepers.unlock()
  }
}
