import Foundation
import Logging

/// The one thread that touches the spool's file.
final class SpoolWriter {
  private let file: URL
  private let limits: OutboxLimits
  private let contents: SpoolContents
  private let logger: Logger
  /// Milliseconds since 1970; does not jump while the process runs.
  private let now: @Sendable () -> Int64
  private var database: SpoolDatabase?
  private var wasOpen = false
  private var isChecked = false
  private var limiter = LogLimiter(interval: .seconds(60))
  private var failures = 0
  private var retryAt: ContinuousClock.Instant?

  /// Messages age without anybody asking.
  private static let longestPause = Duration.seconds(60)
  /// Between two attempts with a disk that does not work: from the first to the longest, doubling.
  private static let pauses = (first: Duration.milliseconds(500), longest: Duration.seconds(15))
  private static let pageMessages = 256
  private static let pageBytes = 4 << 20
  private static let keptDamaged = 3

  init(
    file: URL, limits: OutboxLimits, contents: SpoolContents, logger: Logger,
    now: @escaping @Sendable () -> Int64
  ) {
    self.file = file
    self.limits = limits
    self.contents = contents
    self.logger = logger
    self.now = now
  }

  /// Opens the file, so that what an earlier process left is known before the first message comes. One that is damaged
  /// is moved aside; one that cannot be opened is tried again later, by the thread.
  func open() {
    do {
      try openOrReplace()
    } catch {
      failed(error)
    }
  }

  /// Consumes the writer: from here on only its thread knows it.
  func startThread() {
    nonisolated(unsafe) let writer = self
    let thread = Thread { writer.run() }
    thread.name = "assayd-spool"
    thread.stackSize = 1 << 20
    thread.start()
  }

  private func run() {
    while true {
      contents.waitForWork(atMost: Self.longestPause, retryAt: retryAt)
      let isClosing = contents.isClosing
      do {
        try pass(isLast: isClosing)
        if failures > 0 {
          logger.notice("The spool is written again.", metadata: ["attempts": "\(failures)"])
        }
        failures = 0
        retryAt = nil
        contents.note(trouble: nil)
      } catch {
        failed(error)
      }
      if isClosing { break }
    }
    database?.close()
    contents.end()
  }

  private func pass(isLast: Bool) throws {
    do {
      try openOrReplace()
      if !isChecked {
        try database?.check()
        isChecked = true
      }
      while try !step(), isLast {}
    } catch let damage as SpoolDatabase.Damage {
      try replace(damage)
      while try !step(), isLast {}
    }
  }

  /// - Returns: whether there was nothing to change.
  private func step() throws -> Bool {
    guard let database else { return true }
    let (instant, time) = (ContinuousClock.now, now())
    let work = contents.takeWork(oldestAllowed: instant - limits.age)
    var changes = SpoolDatabase.Changes()
    changes.insertions = zip(work.entries, work.appended).map { entry, appended in
      SpoolDatabase.Insertion(
        identifier: entry.identifier, message: entry.message,
        appended: time - Int64((instant - appended) / .milliseconds(1)))
    }
    changes.deletions = work.deletions.sorted()
    changes.newestAlerts = work.newestAlerts
    changes.oldestAllowed = time - Int64(limits.age / .milliseconds(1))
    if try !work.changesNothing || database.hasResults(before: changes.oldestAllowed) {
      contents.done(work, try database.apply(changes, limits))
    }
    for lane in work.refills {
      contents.refilled(
        lane,
        try database.read(
          after: contents.through(lane), in: lane, most: Self.pageMessages, bytes: Self.pageBytes))
    }
    return work.changesNothing
  }

  // MARK: When the file does not work

  private func failed(_ error: any Error) {
    // A descriptor may be dead for good (the medium was taken out and put back), so it is opened anew.
    database?.close()
    database = nil
    failures += 1
    let pause = min(Self.pauses.longest, Self.pauses.first * (1 << min(failures - 1, 10)))
    retryAt = .now + pause
    let sentence =
      "The spool \(file.path) cannot be written (\(error)). Results are kept in memory and would not survive the "
      + "end of the program. Check that the disk is there and has room."
    contents.note(trouble: sentence)
    guard let suppressed = limiter.admit("trouble") else { return }
    logger.error("\(sentence)", metadata: suppressed > 0 ? ["suppressed": "\(suppressed)"] : nil)
  }

  private func openOrReplace() throws {
    guard database == nil else { return }
    do {
      try adopt(try SpoolDatabase(file, now: now()))
    } catch let damage as SpoolDatabase.Damage {
      try replace(damage)
    }
  }

  private func adopt(_ new: SpoolDatabase) throws {
    do {
      let stale = contents.prepare(
        isNew: new.isNew, isOurs: wasOpen, newest: try new.newestIdentifier(), alerts: new.newestAlerts)
      if !stale.isEmpty {
        var changes = SpoolDatabase.Changes()
        changes.deletions = stale
        _ = try new.apply(changes, .unlimited)
      }
      let found = contents.adopt(
        try OutboxLane.allCases.map { try new.count(after: contents.through($0), in: $0) })
      database = new
      wasOpen = true
      if found > 0 {
        logger.notice("Messages of an earlier run wait for the broker.", metadata: ["messages": "\(found)"])
      }
    } catch {
      new.close()
      throw error
    }
  }

  /// Moves a damaged file aside and begins a new one.
  private func replace(_ damage: SpoolDatabase.Damage) throws {
    database?.close()
    database = nil
    let aside = try moveAside()
    isChecked = true
    let before = contents.counts.droppedForDamage
    try adopt(try SpoolDatabase(file, now: now()))
    logger.critical(
      """
      The spool was damaged (\(damage)). It was moved to \(aside.path) and a new one begun; messages that were only \
      in the old one are not sent. `sqlite3 <file> .recover` may get them back. Check the disk.
      """, metadata: ["lost": "\(contents.counts.droppedForDamage - before)"])
  }

  private func moveAside() throws -> URL {
    let folder = file.deletingLastPathComponent()
    let stem = file.deletingPathExtension().lastPathComponent
    let prefix = "\(stem)-damaged-"
    let stamp = UTCTimestamp(nanoseconds: now() * 1_000_000).description.prefix(23)
      .replacing(":", with: "").replacing("-", with: "").replacing(".", with: "")
    let aside = folder.appending(path: "\(prefix)\(stamp).sqlite")
    try FileManager.default.moveItem(at: file, to: aside)
    // The log must not be taken for the new file's.
    for suffix in ["-wal", "-shm", "-journal"] {
      let part = URL(filePath: file.path + suffix)
      guard FileManager.default.fileExists(atPath: part.path) else { continue }
      try FileManager.default.moveItem(at: part, to: URL(filePath: aside.path + suffix))
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".sqlite") }.sorted()
    for name in names.dropLast(Self.keptDamaged) {
      for suffix in ["", "-wal", "-shm", "-journal"] {
        try? FileManager.default.removeItem(at: folder.appending(path: name + suffix))
      }
    }
    return aside
  }
}

extension OutboxLimits {
  static let unlimited = OutboxLimits(messages: .max, bytes: .max)
}
