import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite struct OutboxTests {
  private func message(_ name: String, _ importance: OutboxMessage.Importance = .important) -> OutboxMessage {
    OutboxMessage(topic: "t", payload: Array(name.utf8), importance: importance)
  }

  /// Payloads of a lane from the oldest on.
  private func contents(_ outbox: MemoryOutbox, _ lane: OutboxLane = .results) -> [String] {
    var names: [String] = []
    var cursor: UInt64 = 0
    while let entry = outbox.next(after: cursor, in: lane) {
      names.append(String(decoding: entry.message.payload, as: UTF8.self))
      cursor = entry.identifier
    }
    return names
  }

  @Test func keepsOrderUntilAcknowledged() {
    let outbox = MemoryOutbox()
    for name in ["a", "b", "c"] { outbox.append(message(name)) }
    #expect(contents(outbox) == ["a", "b", "c"])
    #expect(contents(outbox) == ["a", "b", "c"])
    outbox.acknowledge(2)
    outbox.acknowledge(2)
    outbox.acknowledge(99)
    #expect(contents(outbox) == ["a", "c"])
    outbox.reject(1)
    outbox.append(message("d"))
    #expect(contents(outbox) == ["c", "d"])
    let counts = outbox.counts
    #expect(counts.newest == 4 && counts.acknowledged == 1 && counts.rejected == 1 && counts.waiting == 2)
    #expect(counts.waitingBytes == 4)
    #expect(counts.addUp)
  }

  @Test func givesWayInTheStatedOrder() {
    let outbox = MemoryOutbox(limits: .init(messages: 4, bytes: 1000, age: .seconds(3600)))
    outbox.append(message("ok1", .routine))
    outbox.append(message("ng1"))
    outbox.append(message("ok2", .routine))
    outbox.append(message("ng2"))
    outbox.append(message("ok3", .routine))
    #expect(contents(outbox) == ["ng1", "ok2", "ng2", "ok3"])
    outbox.append(message("ng3"))
    outbox.append(message("ng4"))
    #expect(contents(outbox) == ["ng1", "ng2", "ng3", "ng4"])
    // Nothing routine is left: a routine message finds no room, an important one takes the oldest's.
    outbox.append(message("ok4", .routine))
    #expect(contents(outbox) == ["ng1", "ng2", "ng3", "ng4"])
    outbox.append(message("ng5"))
    #expect(contents(outbox) == ["ng2", "ng3", "ng4", "ng5"])
    #expect(outbox.counts.droppedForSpace == 5)
    #expect(outbox.counts.addUp)
  }

  @Test func alertsHaveALaneOfTheirOwnAndGiveWayLast() {
    let outbox = MemoryOutbox(limits: .init(messages: 3, bytes: 1000, age: .zero))
    outbox.append(message("alert1", .alert))
    outbox.append(message("alert2", .alert))
    outbox.append(message("ng1"))
    #expect(contents(outbox, .alerts) == ["alert1", "alert2"])
    outbox.append(message("alert3", .alert))
    outbox.append(message("ng2"))
    #expect(contents(outbox) == [])
    #expect(contents(outbox, .alerts) == ["alert1", "alert2", "alert3"])
    outbox.append(message("alert4", .alert))
    #expect(contents(outbox, .alerts) == ["alert2", "alert3", "alert4"])
    #expect(outbox.newestAlerts == ["t": Array("alert4".utf8)])
    #expect(outbox.counts.addUp)
  }

  @Test func boundsBytes() {
    let outbox = MemoryOutbox(limits: .init(messages: 100, bytes: 20, age: .seconds(3600)))
    outbox.append(message("123456789"))
    outbox.append(message("abcdefghi"))
    #expect(outbox.counts.waitingBytes == 20)
    outbox.append(message("x"))
    #expect(contents(outbox) == ["abcdefghi", "x"])
    // What is larger than everything displaces nothing.
    outbox.append(message(String(repeating: "y", count: 21)))
    #expect(contents(outbox) == ["abcdefghi", "x"])
    #expect(outbox.counts.addUp)
  }

  @Test func dropsWhatIsTooOld() {
    let clock = Mutex(ContinuousClock.now)
    let outbox = MemoryOutbox(limits: .init(messages: 10, bytes: 1000, age: .seconds(60))) {
      clock.withLock { $0 }
    }
    outbox.append(message("a"))
    clock.withLock { $0 += .seconds(40) }
    outbox.append(message("b"))
    clock.withLock { $0 += .seconds(40) }
    #expect(contents(outbox) == ["b"])
    clock.withLock { $0 += .seconds(40) }
    outbox.append(message("c"))
    #expect(contents(outbox) == ["c"])
    #expect(outbox.counts.droppedForAge == 2)
    #expect(outbox.counts.addUp)
  }

  /// Thousands of random calls against an array that does the same in the plainest way.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func behavesLikeAnArray(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let outbox = MemoryOutbox(limits: .init(messages: 12, bytes: 60, age: .seconds(3600)))
    var model: [OutboxEntry] = []
    var newest: UInt64 = 0
    for _ in 0..<3000 {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0, 1:
        newest += 1
        let importance: OutboxMessage.Importance = Bool.random(using: &generator) ? .routine : .important
        let text = String(repeating: "z", count: Int.random(in: 0..<12, using: &generator))
        let entry = OutboxEntry(identifier: newest, message: message(text, importance))
        outbox.append(entry.message)
        model.append(entry)
        while model.count > 12 || model.map(\.message.size).reduce(0, +) > 60 {
          let older = model.dropLast()
          if let index = older.firstIndex(where: { $0.message.importance == .routine })
            ?? (importance == .important ? older.indices.first : nil)
          {
            model.remove(at: index)
          } else {
            model.removeLast()
          }
        }
      case 2:
        guard let entry = model.randomElement(using: &generator) else { continue }
        outbox.acknowledge(entry.identifier)
        model.removeAll { $0 == entry }
      default:
        let cursor = UInt64.random(in: 0...newest, using: &generator)
        #expect(outbox.next(after: cursor, in: .results) == model.first { $0.identifier > cursor })
      }
      let counts = outbox.counts
      #expect(counts.waiting == model.count && counts.addUp)
      #expect(counts.waitingBytes == model.map(\.message.size).reduce(0, +))
    }
  }

  /// A broker that is away for days: appending and dropping must not slow down.
  @Test func staysFastWhenFull() {
    let outbox = MemoryOutbox(limits: .init(messages: 20_000, bytes: 1 << 30, age: .seconds(3600)))
    let began = ContinuousClock.now
    for number in 0..<60_000 { outbox.append(message("r", number % 3 == 0 ? .routine : .important)) }
    #expect(outbox.counts.waiting == 20_000)
    // About 0.1 s unoptimised; a scan of the whole box for each message would take minutes.
    #expect(ContinuousClock.now - began < .seconds(10))
  }
}
