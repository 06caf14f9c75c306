import Dispatch
import Synchronization

/// What the spool's callers and its writing thread share: everything behind one lock that is never held while the disk
/// works.
///
/// A message is in one of three places: in memory only (`unwritten`), on disk and in memory (`loaded`), or on disk
/// only (`beyond`). Within a lane the identifiers grow in the order beyond < unwritten and loaded < beyond, so reading
/// in order means: what is loaded, then what has to be fetched, then what is not written yet.
final class SpoolContents: Sendable {
  /// What one pass of the writing thread has to do.
  struct Work {
    var entries: [OutboxEntry] = []
    /// When each entry was appended.
    var appended: [ContinuousClock.Instant] = []
    var deletions: Set<UInt64> = []
    var newestAlerts: [String: [UInt8]] = [:]
    var refills: [OutboxLane] = []

    var changesNothing: Bool { entries.isEmpty && deletions.isEmpty && newestAlerts.isEmpty }
  }

  private enum Phase {
    case open
    case closing
    case closed
  }

  /// The part of a lane that is on disk.
  private struct Lane {
    /// What is on disk up to here is loaded as well.
    var through: UInt64 = 0
    var beyond = (count: 0, bytes: 0)
  }

  private struct Guarded {
    var unwritten = MessageQueue()
    var loaded = MessageQueue()
    var lanes = [Lane](repeating: Lane(), count: OutboxLane.allCases.count)
    /// On disk, and no longer wanted there.
    var doomed: Set<UInt64> = []
    var newestAlerts: [String: [UInt8]] = [:]
    /// Topics whose newest alert the disk does not know yet.
    var changedAlerts: Set<String> = []
    var refills: Set<OutboxLane> = []
    var counts = OutboxCounts()
    var phase = Phase.open
    /// When the thread has to look again; nil: not before somebody asks.
    var dueAt: ContinuousClock.Instant?
    var isSignalled = false
    var wake: (@Sendable () -> Void)?
    var waiters: [CheckedContinuation<Void, Never>] = []

    var waiting: Int { unwritten.count + loaded.count + lanes.reduce(0) { $0 + $1.beyond.count } }
  }

  private let memoryLimits: OutboxLimits
  private let guarded: Mutex<Guarded>
  private let signal = DispatchSemaphore(value: 0)

  /// A result of a good part that the broker acknowledges within this time is never written: with the broker there, the
  /// disk is spared a write for each part. It is also the most that a power cut takes of them.
  static let patience = Duration.milliseconds(50)
  /// What the broker has is deleted with the next write, at the latest after this time. A kill in between makes
  /// duplicates, which `result_id` makes harmless.
  private static let deletionPatience = Duration.seconds(1)
  private static let mostLoaded = 1000
  private static let mostLoadedBytes = 8 << 20
  private static let mostAtOnce = 2000
  private static let mostBytesAtOnce = 8 << 20

  /// - Parameter base: identifiers start above it.
  init(memoryLimits: OutboxLimits, base: UInt64) {
    self.memoryLimits = memoryLimits
    var state = Guarded()
    state.counts.newest = base
    guarded = Mutex(state)
  }

  // MARK: From any thread

  func append(_ message: OutboxMessage) {
    let now = ContinuousClock.now
    let mustSignal = guarded.withLock { state in
      state.counts.appended += 1
      state.counts.newest += 1
      if message.importance == .alert {
        state.newestAlerts[message.topic] = message.payload
        state.changedAlerts.insert(message.topic)
      }
      let (dropped, isRoom) = state.unwritten.makeRoom(for: message, memoryLimits)
      state.counts.droppedForSpace += dropped + (isRoom ? 0 : 1)
      if isRoom { state.unwritten.insert(message, as: state.counts.newest, appended: now) }
      return Self.demand(&state, by: message.importance == .routine ? now + Self.patience : now)
    }
    if mustSignal { signal.signal() }
  }

  func next(after identifier: UInt64, in lane: OutboxLane) -> OutboxEntry? {
    let (entry, mustSignal): (OutboxEntry?, Bool) = guarded.withLock { state in
      if let entry = state.loaded.first(after: identifier, in: lane) { return (entry, false) }
      if state.lanes[lane.rawValue].beyond.count > 0 {
        guard state.phase == .open, state.refills.insert(lane).inserted else { return (nil, false) }
        return (nil, Self.demand(&state, by: .now))
      }
      // An alert is told when it is safe, so that one that was told is always closed as well; a disk that does not
      // work must not keep it back.
      if lane == .alerts, state.counts.trouble == nil, state.phase == .open { return (nil, false) }
      return (state.unwritten.first(after: identifier, in: lane), false)
    }
    if mustSignal { signal.signal() }
    return entry
  }

  func acknowledge(_ identifier: UInt64) { take(identifier) { $0.acknowledged += 1 } }

  func reject(_ identifier: UInt64) { take(identifier) { $0.rejected += 1 } }

  private func take(_ identifier: UInt64, _ count: (inout OutboxCounts) -> Void) {
    let mustSignal = guarded.withLock { state in
      if state.unwritten.remove(identifier) != nil {
        count(&state.counts)
      } else if state.loaded.remove(identifier) != nil {
        count(&state.counts)
        state.doomed.insert(identifier)
        return Self.demand(&state, by: .now + Self.deletionPatience)
      }
      return false
    }
    if mustSignal { signal.signal() }
  }

  var counts: OutboxCounts {
    guarded.withLock { state in
      var counts = state.counts
      counts.waiting = state.waiting
      counts.unwritten = state.unwritten.count
      counts.waitingBytes =
        state.unwritten.bytes + state.loaded.bytes + state.lanes.reduce(0) { $0 + $1.beyond.bytes }
      return counts
    }
  }

  var newestAlerts: [String: [UInt8]] { guarded.withLock(\.newestAlerts) }

  /// Whether nothing of the lane has to be fetched.
  func isLoaded(_ lane: OutboxLane) -> Bool { guarded.withLock { $0.lanes[lane.rawValue].beyond.count == 0 } }

  func onNews(_ wake: @escaping @Sendable () -> Void) { guarded.withLock { $0.wake = wake } }

  /// Tells the thread to write everything and end; returns when it has.
  func close(within limit: Duration) async {
    beginClose()
    await withCheckedContinuation { continuation in
      let isClosed = guarded.withLock { state in
        if state.phase != .closed { state.waiters.append(continuation) }
        return state.phase == .closed
      }
      if isClosed {
        continuation.resume()
      } else {
        Task {
          try? await Task.sleep(for: limit)
          self.resumeWaiters()
        }
      }
    }
  }

  func beginClose() {
    let mustSignal = guarded.withLock { state in
      if state.phase == .open { state.phase = .closing }
      return Self.demand(&state, by: .now)
    }
    if mustSignal { signal.signal() }
  }

  private func resumeWaiters() {
    let waiters = guarded.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// - Returns: whether the thread sleeps too long for that.
  private static func demand(_ state: inout Guarded, by instant: ContinuousClock.Instant) -> Bool {
    if let dueAt = state.dueAt, dueAt <= instant { return false }
    state.dueAt = instant
    defer { state.isSignalled = true }
    return !state.isSignalled
  }

  // MARK: From the writing thread

  /// Waits until there is something to do, or the longest time is over.
  ///
  /// - Parameter retryAt: until when to leave the disk alone, whatever there is to do; only closing ends it sooner.
  func waitForWork(atMost longest: Duration, retryAt: ContinuousClock.Instant?) {
    let end = ContinuousClock.now + longest
    while true {
      let (due, isClosing) = guarded.withLock { state in
        state.isSignalled = false
        return (state.dueAt, state.phase == .closing)
      }
      if isClosing { return }
      let pause = (retryAt ?? min(due ?? end, end)) - .now
      guard pause > .zero else { return }
      _ = signal.wait(timeout: .now() + .nanoseconds(Int(pause / .nanoseconds(1))))
    }
  }

  /// What is to be done now, alerts first. It stays here until `done` is told.
  ///
  /// - Parameter oldestAllowed: results appended before it give way.
  func takeWork(oldestAllowed: ContinuousClock.Instant) -> Work {
    guarded.withLock { state in
      state.counts.droppedForAge += state.unwritten.dropResults(before: oldestAllowed)
      var work = Work()
      var bytes = 0
      for lane in OutboxLane.allCases {
        var cursor: UInt64 = 0
        while work.entries.count < Self.mostAtOnce, bytes < Self.mostBytesAtOnce,
          let entry = state.unwritten.first(after: cursor, in: lane),
          let appended = state.unwritten[entry.identifier]?.appended
        {
          work.entries.append(entry)
          work.appended.append(appended)
          bytes += entry.message.size
          cursor = entry.identifier
        }
      }
      work.deletions = state.doomed
      for topic in state.changedAlerts { work.newestAlerts[topic] = state.newestAlerts[topic] }
      work.refills = state.refills.sorted { $0.rawValue < $1.rawValue }
      state.dueAt = work.entries.count < state.unwritten.count ? .now : nil
      return work
    }
  }

  /// The work is on the disk.
  func done(_ work: Work, _ given: SpoolDatabase.GivenWay) {
    guarded.withLock { state in
      for entry in work.entries { Self.written(entry, &state) }
      state.doomed.subtract(work.deletions)
      for (topic, payload) in work.newestAlerts where state.newestAlerts[topic] == payload {
        state.changedAlerts.remove(topic)
      }
      for removal in given.forAge where Self.gaveWay(removal, &state) { state.counts.droppedForAge += 1 }
      for removal in given.forSpace where Self.gaveWay(removal, &state) { state.counts.droppedForSpace += 1 }
    }
    if work.entries.contains(where: { $0.message.importance == .alert }) { tellNews() }
  }

  private static func written(_ entry: OutboxEntry, _ state: inout Guarded) {
    let index = entry.message.importance.lane.rawValue
    let isNextToLoaded = state.lanes[index].beyond.count == 0
    guard let appended = state.unwritten[entry.identifier]?.appended else {
      // Acknowledged while it was being written.
      state.doomed.insert(entry.identifier)
      if isNextToLoaded { state.lanes[index].through = entry.identifier }
      return
    }
    state.unwritten.remove(entry.identifier)
    if isNextToLoaded, state.loaded.count < mostLoaded, state.loaded.bytes < mostLoadedBytes {
      state.loaded.insert(entry.message, as: entry.identifier, appended: appended)
      state.lanes[index].through = entry.identifier
    } else {
      state.lanes[index].beyond.count += 1
      state.lanes[index].beyond.bytes += entry.message.size
    }
  }

  /// - Returns: whether the message was still waiting.
  private static func gaveWay(_ removal: SpoolDatabase.Removal, _ state: inout Guarded) -> Bool {
    if state.loaded.remove(removal.identifier) != nil { return true }
    let index = removal.importance.lane.rawValue
    guard state.doomed.remove(removal.identifier) == nil,
      removal.identifier > state.lanes[index].through
    else { return false }
    state.lanes[index].beyond.count -= 1
    state.lanes[index].beyond.bytes -= removal.size
    return true
  }

  /// Where to go on reading a lane.
  func through(_ lane: OutboxLane) -> UInt64 { guarded.withLock { $0.lanes[lane.rawValue].through } }

  func refilled(_ lane: OutboxLane, _ page: SpoolDatabase.Page) {
    guarded.withLock { state in
      state.refills.remove(lane)
      let now = ContinuousClock.now
      for entry in page.entries {
        state.lanes[lane.rawValue].through = max(state.lanes[lane.rawValue].through, entry.identifier)
        guard !state.doomed.contains(entry.identifier) else { continue }
        state.loaded.insert(entry.message, as: entry.identifier, appended: now)
        state.lanes[lane.rawValue].beyond.count -= 1
        state.lanes[lane.rawValue].beyond.bytes -= entry.message.size
      }
      for removal in page.damaged {
        state.lanes[lane.rawValue].through = max(state.lanes[lane.rawValue].through, removal.identifier)
        guard state.doomed.insert(removal.identifier).inserted else { continue }
        state.counts.droppedForDamage += 1
        state.lanes[lane.rawValue].beyond.count -= 1
        state.lanes[lane.rawValue].beyond.bytes -= removal.size
      }
      if !page.damaged.isEmpty { _ = Self.demand(&state, by: .now) }
    }
    tellNews()
  }

  /// Makes ready for a file that has just been opened.
  ///
  /// - Parameters:
  ///   - isNew: whether it holds nothing of what was written before.
  ///   - isOurs: whether this process has written to it before.
  ///   - newest: the greatest identifier in it.
  /// - Returns: what has to be deleted from it first.
  func prepare(isNew: Bool, isOurs: Bool, newest: UInt64, alerts: [String: [UInt8]]) -> [UInt64] {
    guarded.withLock { state in
      state.newestAlerts.merge(alerts) { ours, _ in ours }
      if isNew {
        // What is still in memory is as good as new.
        for identifier in state.loaded.identifiers {
          guard let entry = state.loaded[identifier] else { continue }
          state.unwritten.insert(entry.message, as: identifier, appended: entry.appended)
        }
        state.loaded.removeAll()
        state.doomed = []
        for index in state.lanes.indices { state.lanes[index].through = 0 }
        state.changedAlerts = Set(state.newestAlerts.keys)
        return []
      }
      let ours = state.unwritten.identifiers
      // A transaction whose end brought an error may have happened all the same.
      if isOurs { return ours + state.doomed }
      if let first = ours.first, first <= newest {
        // The file could not be opened when this process began, and its messages carry greater numbers, for the clock
        // has been set back or another station wrote them. Ours get greater ones still; one that is on its way is
        // sent again.
        let shift = newest - first + 1
        var renumbered = MessageQueue()
        for identifier in ours {
          guard let entry = state.unwritten[identifier] else { continue }
          renumbered.insert(entry.message, as: identifier + shift, appended: entry.appended)
        }
        state.unwritten = renumbered
        state.counts.newest += shift
      }
      state.counts.newest = max(newest, state.counts.newest)
      return []
    }
  }

  /// - Parameter onDisk: the messages of each lane after what is loaded.
  /// - Returns: how many messages were found that this process has not written.
  func adopt(_ onDisk: [(count: Int, bytes: Int)]) -> Int {
    let found = guarded.withLock { state in
      let before = state.waiting
      for index in state.lanes.indices { state.lanes[index].beyond = onDisk[index] }
      let found = state.waiting - before
      if found > 0 { state.counts.recovered += found } else { state.counts.droppedForDamage -= found }
      return found
    }
    tellNews()
    return found
  }

  func note(trouble: String?) {
    let isChange = guarded.withLock { state in
      defer { state.counts.trouble = trouble }
      return state.counts.trouble != trouble
    }
    if isChange { tellNews() }
  }

  var isClosing: Bool { guarded.withLock { $0.phase == .closing } }

  func end() {
    guarded.withLock { $0.phase = .closed }
    resumeWaiters()
  }

  private func tellNews() { guarded.withLock(\.wake)?() }
}
