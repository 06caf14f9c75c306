import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Messaging

/// The spool by itself: what it keeps, what gives way, and what it does when its file does not work.
@Suite(.timeLimit(.minutes(1))) struct SpoolTests {
  let folder: TemporaryFolder
  var file: URL { folder.file("spool.sqlite") }

  init() throws { folder = try TemporaryFolder() }

  private func spool(
    _ limits: OutboxLimits = OutboxLimits(), memory: OutboxLimits = .inMemory, log: LogBook = LogBook(),
    now: @escaping @Sendable () -> Int64 = Spool.steadyClock()
  ) -> Spool {
    Spool(file: file, limits: limits, memoryLimits: memory, logger: log.logger, now: now)
  }

  private func message(_ name: String, _ importance: OutboxMessage.Importance = .important) -> OutboxMessage {
    OutboxMessage(topic: "t", payload: Array(name.utf8), importance: importance)
  }

  /// Payloads of a lane from the oldest on, fetched from the disk where they are.
  private func contents(_ spool: Spool, _ lane: OutboxLane = .results) async -> [String] {
    var names: [String] = []
    var cursor: UInt64 = 0
    await eventually("all are read") {
      let isLoaded = spool.isLoaded(lane)
      while let entry = spool.next(after: cursor, in: lane) {
        names.append(String(decoding: entry.message.payload, as: UTF8.self))
        cursor = entry.identifier
      }
      return isLoaded
    }
    return names
  }

  private func written(_ spool: Spool) async {
    await eventually("everything is on the disk") { spool.counts.unwritten == 0 }
  }

  /// What a kill at this moment would leave, opened.
  private func afterKill(
    _ limits: OutboxLimits = OutboxLimits(), log: LogBook = LogBook()
  ) throws -> (Spool, TemporaryFolder) {
    let copy = try TemporaryFolder()
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.url.path) {
      try FileManager.default.copyItem(at: folder.file(name), to: copy.file(name))
    }
    return (Spool(file: copy.file("spool.sqlite"), limits: limits, logger: log.logger), copy)
  }

  @Test func keepsOrderUntilAcknowledgedAndBeyondTheProcess() async throws {
    let spool = spool()
    for name in ["a", "b", "c", "d"] { spool.append(message(name, name == "b" ? .routine : .important)) }
    await written(spool)
    #expect(await contents(spool) == ["a", "b", "c", "d"])
    let first = try #require(spool.next(after: 0, in: .results))
    spool.acknowledge(first.identifier)
    spool.acknowledge(first.identifier)
    spool.acknowledge(99)
    let second = try #require(spool.next(after: first.identifier, in: .results))
    spool.reject(second.identifier)
    let counts = spool.counts
    #expect(counts.acknowledged == 1 && counts.rejected == 1 && counts.waiting == 2 && counts.addUp)
    #expect(counts.waitingBytes == 4)
    #expect(await spool.close(within: .seconds(5)))

    let next = self.spool()
    #expect(next.counts.recovered == 2 && next.counts.waiting == 2 && next.counts.waitingBytes == 4)
    #expect(next.counts.newest >= second.identifier)
    next.append(message("e"))
    #expect(await contents(next) == ["c", "d", "e"])
    #expect(next.counts.addUp)
  }

  @Test func whatIsWrittenSurvivesAKill() async throws {
    let spool = spool()
    for number in 0..<500 { spool.append(message("\(number)", number % 3 == 0 ? .routine : .important)) }
    spool.append(message("alert", .alert))
    await written(spool)
    let (other, _) = try afterKill()
    #expect(other.counts.recovered == 501)
    #expect(await contents(other) == (0..<500).map(String.init))
    #expect(await contents(other, .alerts) == ["alert"])
    #expect(other.newestAlerts == ["t": Array("alert".utf8)])
  }

  /// With the broker there, a good part's result never reaches the disk.
  @Test func sparesTheDiskWhatTheBrokerHasAtOnce() async throws {
    let spool = spool()
    await written(spool)
    let size = try walSize()
    for _ in 0..<50 {
      spool.append(message("ok", .routine))
      let entry = try #require(spool.next(after: 0, in: .results))
      spool.acknowledge(entry.identifier)
    }
    try await Task.sleep(for: .milliseconds(120))
    #expect(spool.counts.acknowledged == 50 && spool.counts.waiting == 0)
    #expect(try walSize() == size)
  }

  private func walSize() throws -> Int {
    try Data(contentsOf: URL(filePath: file.path + "-wal")).count
  }

  /// An alert is told when it is safe; a result at once.
  @Test func offersAlertsOnceTheyAreWritten() async throws {
    let spool = spool()
    let wasEarly = Mutex(false)
    spool.onNews { if spool.counts.unwritten > 0 { wasEarly.withLock { $0 = true } } }
    spool.append(message("alert", .alert))
    if spool.next(after: 0, in: .alerts) != nil { #expect(spool.counts.unwritten == 0) }
    await eventually("the alert is offered") { spool.next(after: 0, in: .alerts) != nil }
    #expect(spool.counts.unwritten == 0)
    spool.append(message("ok", .routine))
    #expect(spool.next(after: 0, in: .results) != nil)
    #expect(!wasEarly.withLock { $0 })
  }

  @Test func givesWayInTheStatedOrder() async throws {
    let spool = spool(.init(messages: 4, bytes: 1000))
    for (name, importance) in [
      ("ok1", .routine), ("alert1", .alert), ("ng1", .important), ("ok2", .routine), ("ng2", .important),
      ("ok3", .routine),
    ] as [(String, OutboxMessage.Importance)] {
      spool.append(message(name, importance))
      await written(spool)
    }
    #expect(await contents(spool) == ["ng1", "ng2", "ok3"])
    spool.append(message("ng3"))
    spool.append(message("ng4"))
    await written(spool)
    #expect(await contents(spool) == ["ng2", "ng3", "ng4"])
    #expect(await contents(spool, .alerts) == ["alert1"])
    #expect(spool.counts.droppedForSpace == 4 && spool.counts.addUp)
    // More alerts than there is room for: they take all of it.
    for number in 2...6 { spool.append(message("alert\(number)", .alert)) }
    await written(spool)
    #expect(await contents(spool) == [])
    #expect(await contents(spool, .alerts) == ["alert3", "alert4", "alert5", "alert6"])
    #expect(spool.counts.addUp)
  }

  @Test func dropsResultsThatAreTooOldAndKeepsAlerts() async throws {
    let clock = Mutex<Int64>(1_800_000_000_000)
    let limits = OutboxLimits(messages: 100, bytes: 1000, age: .seconds(60))
    let spool = spool(limits) { clock.withLock { $0 } }
    spool.append(message("alert", .alert))
    spool.append(message("a"))
    await written(spool)
    clock.withLock { $0 += 40_000 }
    spool.append(message("b", .routine))
    await written(spool)
    clock.withLock { $0 += 40_000 }
    spool.append(message("c"))
    await written(spool)
    #expect(await contents(spool) == ["b", "c"])
    #expect(await contents(spool, .alerts) == ["alert"])
    #expect(spool.counts.droppedForAge == 1 && spool.counts.addUp)
    await spool.close(within: .seconds(5))

    // The next process starts an hour later: what waited is too old before anything new comes.
    clock.withLock { $0 += 3_600_000 }
    let next = self.spool(limits) { clock.withLock { $0 } }
    next.append(message("d"))
    await written(next)
    #expect(await contents(next) == ["d"])
    #expect(next.counts.recovered == 3 && next.counts.droppedForAge == 2 && next.counts.addUp)
  }

  /// The battery of the clock is empty: the computer believes it is 1970, then the network's time comes. Nothing that was
  /// written meanwhile counts as half a century old, and nothing from before counts as being from the future for ever.
  @Test(arguments: [(0, 1_800_000_000_000), (1_900_000_000_000, 1_800_000_000_000)] as [(Int64, Int64)])
  func survivesAClockThatWasWrong(before: Int64, after: Int64) async throws {
    let limits = OutboxLimits(messages: 100, bytes: 1000, age: .seconds(60))
    let spool = spool(limits) { before }
    spool.append(message("a"))
    await written(spool)
    await spool.close(within: .seconds(5))
    let clock = Mutex(after)
    let next = self.spool(limits) { clock.withLock { $0 } }
    next.append(message("b"))
    await written(next)
    #expect(await contents(next) == ["a", "b"])
    clock.withLock { $0 += 61_000 }
    next.append(message("c"))
    await written(next)
    #expect(await contents(next) == ["c"])
    #expect(next.counts.addUp)
  }

  /// Random calls against an array, with the process ending now and then.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func behavesLikeAnArray(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    let limits = OutboxLimits(messages: 40, bytes: 4000)
    var spool = spool(limits)
    var model: [(name: String, importance: OutboxMessage.Importance)] = []
    for round in 0..<30 {
      for number in 0..<Int.random(in: 1...12, using: &generator) {
        let importance = OutboxMessage.Importance.allCases.randomElement(using: &generator) ?? .routine
        let name =
          "\(round)-\(number)" + String(repeating: "z", count: .random(in: 0..<300, using: &generator))
        spool.append(message(name, importance))
        model.append((name, importance))
      }
      await written(spool)
      while model.count > 40 || model.reduce(0, { $0 + $1.name.utf8.count + 1 }) > 4000 {
        let least = model.map(\.importance.rawValue).min()
        if let index = model.firstIndex(where: { $0.importance.rawValue == least }) {
          model.remove(at: index)
        }
      }
      for lane in OutboxLane.allCases {
        let expected = model.filter { $0.importance.lane == lane }.map(\.name)
        #expect(await contents(spool, lane) == expected)
        var cursor: UInt64 = 0
        for name in expected {
          guard let entry = spool.next(after: cursor, in: lane) else { break }
          cursor = entry.identifier
          guard Int.random(in: 0..<4, using: &generator) == 0 else { continue }
          spool.acknowledge(entry.identifier)
          model.removeAll { $0.name == name }
        }
      }
      #expect(spool.counts.waiting == model.count && spool.counts.addUp)
      #expect(spool.counts.waitingBytes == model.reduce(0) { $0 + $1.name.utf8.count + 1 })
      if round % 7 == 6 {
        #expect(await spool.close(within: .seconds(5)))
        spool = self.spool(limits)
        #expect(spool.counts.recovered == model.count)
      }
    }
  }

  /// More than fits into memory: it is fetched page by page, in order, while new ones come.
  @Test func readsALargeBacklogInOrder() async throws {
    var spool = spool()
    for number in 0..<3000 { spool.append(message("\(number)", .routine)) }
    await written(spool)
    await spool.close(within: .seconds(5))
    spool = self.spool()
    for number in 3000..<3500 { spool.append(message("\(number)")) }
    var cursor: UInt64 = 0
    var names: [String] = []
    await eventually("all come") {
      while let entry = spool.next(after: cursor, in: .results) {
        names.append(String(decoding: entry.message.payload, as: UTF8.self))
        cursor = entry.identifier
        spool.acknowledge(entry.identifier)
      }
      return names.count == 3500
    }
    #expect(names == (0..<3500).map(String.init))
    #expect(spool.counts.waiting == 0 && spool.counts.acknowledged == 3500 && spool.counts.addUp)
    await spool.close(within: .seconds(5))
    #expect(self.spool().counts.recovered == 0)
  }

  // MARK: a file that does not work

  /// Files that are no spool: each is moved aside with a loud word, and the new one works.
  @Test(arguments: DamagedFile.allCases)
  func replacesAFileThatIsNoSpool(_ damage: DamagedFile) async throws {
    try damage.write(to: file)
    let log = LogBook()
    let spool = spool(log: log)
    spool.append(message("a"))
    await written(spool)
    #expect(await contents(spool) == ["a"])
    #expect(spool.counts.trouble == nil)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
    #expect(names.contains { $0.hasPrefix("spool-damaged-") && $0.hasSuffix(".sqlite") } == damage.isKept)
    #expect(log.all.contains { $0.hasPrefix("critical: The spool was damaged") } == damage.isKept)
    await spool.close(within: .seconds(5))
    #expect(self.spool().counts.recovered == 1)
  }

  enum DamagedFile: CaseIterable {
    case empty, oneByte, text, headerOnly, otherDatabase

    /// A file without so much as a header is a new one, not a damaged one.
    var isKept: Bool { self != .empty && self != .oneByte }

    func write(to file: URL) throws {
      switch self {
      case .empty: try Data().write(to: file)
      case .oneByte: try Data([0]).write(to: file)
      case .text: try Data(String(repeating: "no spool\n", count: 1000).utf8).write(to: file)
      case .headerOnly: try (Data("SQLite format 3\0".utf8) + Data(count: 84)).write(to: file)
      case .otherDatabase:
        try Oracle.run(
          executable: "/usr/bin/python3",
          [
            "-c",
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('create table t(x)'); c.commit()",
            file.path,
          ])
      }
    }
  }

  /// The file cut off at every place that matters, with and without its log: what is offered afterwards was really
  /// written, in order and whole, and the spool works.
  @Test func survivesTornFiles() async throws {
    let spool = spool()
    let names = (0..<200).map { "\($0)-" + String(repeating: "x", count: 40 * ($0 % 30)) }
    for name in names { spool.append(message(name)) }
    await written(spool)
    let (checkpointed, copy) = try afterKill()
    await checkpointed.close(within: .seconds(5))  // Closing empties the log into the file.
    let whole = try Data(contentsOf: copy.file("spool.sqlite"))
    let log = try Data(contentsOf: URL(filePath: file.path + "-wal"))
    let base = try Data(contentsOf: file)
    #expect(whole.count > 100_000 && log.count > 100_000)
    func check(_ main: Data, _ wal: Data?, _ comment: Comment) async throws {
      let torn = try TemporaryFolder()
      try main.write(to: torn.file("spool.sqlite"))
      try wal?.write(to: torn.file("spool.sqlite-wal"))
      let spool = Spool(file: torn.file("spool.sqlite"), logger: LogBook().logger)
      let recovered = spool.counts.recovered
      spool.append(message("new"))
      await written(spool)
      let found = await contents(spool)
      #expect(found.last == "new", comment)
      #expect(Set(found.dropLast()).isSubset(of: names), comment)
      #expect(found.dropLast() == names.filter(Set(found).contains)[...], comment)
      #expect(spool.counts.addUp && spool.counts.recovered == recovered, comment)
      #expect(found.count == spool.counts.waiting, comment)
    }
    for length in stride(from: 0, through: whole.count, by: whole.count / 12) {
      try await check(whole.prefix(length), nil, "file cut at \(length)")
    }
    for length in stride(from: 0, through: log.count, by: log.count / 12) {
      try await check(base, log.prefix(length), "log cut at \(length)")
    }
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<12 {
      var flipped = whole
      for _ in 0..<8 { flipped[Int.random(in: 0..<flipped.count, using: &generator)] ^= 0x5A }
      try await check(flipped, nil, "bytes changed")
    }
  }

  /// The medium loses pages under a running spool: what was in memory goes on, the rest is counted.
  @Test func replacesAFileThatIsDamagedWhileInUse() async throws {
    var spool = spool()
    for number in 0..<3000 { spool.append(message("\(number)" + String(repeating: "y", count: 4000))) }
    await written(spool)
    await spool.close(within: .seconds(5))
    let log = LogBook()
    let size = try Data(contentsOf: file).count
    spool = self.spool(log: log)
    #expect(spool.counts.recovered == 3000)
    let handle = try FileHandle(forWritingTo: file)
    try handle.seek(toOffset: 4096)
    try handle.write(contentsOf: Data(repeating: 0xEE, count: size - 4096))
    try handle.close()
    spool.append(message("new"))
    await eventually("the damage is noticed") {
      _ = spool.next(after: 0, in: .results)
      return spool.counts.droppedForDamage > 0
    }
    await written(spool)
    #expect(await contents(spool).last == "new")
    #expect(spool.counts.addUp && spool.counts.trouble == nil)
    #expect(log.all.contains { $0.hasPrefix("critical: The spool was damaged") })
    await spool.close(within: .seconds(5))
    #expect(self.spool().counts.addUp)
  }

  @Test func keepsOnlyTheNewestDamagedFiles() async throws {
    for _ in 0..<6 {
      try DamagedFile.text.write(to: file)
      await spool().close(within: .seconds(5))
      try await Task.sleep(for: .milliseconds(2))
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(names.count { $0.hasPrefix("spool-damaged-") } == 3)
  }

  /// The folder is not there: messages stay in memory, within their bounds, and are sent from there; when it comes,
  /// they are written.
  @Test func worksInMemoryUntilTheDiskIsThere() async throws {
    let log = LogBook()
    let later = folder.file("mount")
    let file = later.appending(path: "spool.sqlite")
    let spool = Spool(
      file: file, memoryLimits: OutboxLimits(messages: 4, bytes: 1000), logger: log.logger)
    for name in ["ok", "ng1", "ng2", "ng3", "ng4"] {
      spool.append(message(name, name == "ok" ? .routine : .important))
    }
    spool.append(message("alert", .alert))
    #expect(spool.counts.trouble?.contains("cannot be written") == true)
    #expect(await contents(spool) == ["ng2", "ng3", "ng4"])
    #expect(await contents(spool, .alerts) == ["alert"])
    let first = try #require(spool.next(after: 0, in: .results))
    spool.acknowledge(first.identifier)
    #expect(spool.counts.unwritten == 3 && spool.counts.droppedForSpace == 2 && spool.counts.addUp)
    #expect(log.all.count { $0.contains("cannot be written") } == 1)
    try FileManager.default.createDirectory(at: later, withIntermediateDirectories: true)
    await written(spool)
    await eventually("the trouble is over") { spool.counts.trouble == nil }
    await spool.close(within: .seconds(5))
    let next = Spool(file: file, logger: log.logger)
    #expect(next.counts.recovered == 3)
    #expect(await contents(next) == ["ng3", "ng4"])
  }

  /// What an earlier process left comes to light although the file could not be opened at first, and although the
  /// clock has been set back meanwhile.
  @Test(arguments: [0, 86_400_000] as [Int64]) func findsALateFile(setBack: Int64) async throws {
    let later = folder.file("mount")
    let away = folder.file("away")
    try FileManager.default.createDirectory(at: later, withIntermediateDirectories: true)
    let file = later.appending(path: "spool.sqlite")
    let now: Int64 = 1_800_000_000_000
    let spool = Spool(file: file, logger: LogBook().logger) { now }
    spool.append(message("old"))
    await written(spool)
    await spool.close(within: .seconds(5))
    try FileManager.default.moveItem(at: later, to: away)
    let next = Spool(file: file, logger: LogBook().logger) { now - setBack + 1000 }
    next.append(message("new"))
    #expect(await contents(next) == ["new"])
    #expect(next.counts.recovered == 0)
    try FileManager.default.moveItem(at: away, to: later)
    await written(next)
    #expect(await contents(next) == ["old", "new"])
    #expect(next.counts.recovered == 1 && next.counts.addUp)
  }

  /// Two stations with the same files: the second one says so, keeps its messages in memory, and takes over.
  @Test func aSecondStationWaitsForTheFile() async throws {
    let spool = spool()
    spool.append(message("first"))
    await written(spool)
    let second = self.spool()
    second.append(message("second"))
    #expect(second.counts.trouble?.contains("locked") == true)
    #expect(await contents(second) == ["second"])
    await spool.close(within: .seconds(5))
    await written(second)
    #expect(await contents(second) == ["first", "second"])
    #expect(second.counts.recovered == 1 && second.counts.addUp)
  }

  /// A frame's thread appends while the writing thread cannot get on.
  @Test func appendingNeverWaitsForTheDisk() async throws {
    let spool = Spool(file: folder.file("absent/spool.sqlite"), logger: LogBook().logger)
    let payload = [UInt8](repeating: 0x20, count: 2000)
    let begin = ContinuousClock.now
    for _ in 0..<20_000 {
      spool.append(OutboxMessage(topic: "t", payload: payload, importance: .routine))
    }
    #expect(ContinuousClock.now - begin < .seconds(5))
    #expect(spool.counts.waiting == 20_000)
  }
}
