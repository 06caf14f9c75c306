import Capture
import Foundation
import Synchronization
import Testing

@testable import Station

@Suite struct MailboxTests {
  @Test func theNewestValueStaysAndTheReplacedOneIsTold() {
    let mailbox = Mailbox<Int>()
    #expect(mailbox.put(1) == .delivered)
    #expect(mailbox.put(2) == .replaced)
    #expect(mailbox.take() == 2)
    #expect(mailbox.put(3) == .delivered)
    #expect(mailbox.close() == [3])
    #expect(mailbox.take() == nil)
    #expect(mailbox.put(4) == .closed)
    #expect(mailbox.close() == [])
  }

  @Test func whatSomebodyAskedForIsKeptInOrderAndComesFirst() {
    let mailbox = Mailbox<Int>()
    #expect(mailbox.secondsUntaken == 0)
    #expect(mailbox.put(1) == .delivered)
    #expect(mailbox.put(2, isKept: true) == .delivered)
    #expect(mailbox.put(3) == .replaced)
    #expect(mailbox.put(4, isKept: true) == .delivered)
    usleep(2000)
    #expect(mailbox.secondsUntaken >= 0.002)
    #expect([mailbox.take(), mailbox.take(), mailbox.take()] == [2, 4, 3])
    #expect(mailbox.secondsUntaken == 0)
    #expect(mailbox.put(5) == .delivered)
    #expect(mailbox.put(6, isKept: true) == .delivered)
    #expect(mailbox.close() == [6, 5])
    #expect(mailbox.take() == nil)
  }

  @Test func closingWakesTheTaker() async {
    let mailbox = Mailbox<Int>()
    let taker = Task.detached { mailbox.take() }
    try? await Task.sleep(for: .milliseconds(20))
    #expect(mailbox.close() == [])
    #expect(await taker.value == nil)
  }

  /// One thread floods, one takes, a third closes at some moment: every value is taken, replaced, left or refused.
  @Test(arguments: 0..<8) func nothingIsLostUnderStress(round: Int) {
    let mailbox = Mailbox<Int>()
    let taken = Mutex<[Int]>([])
    let replaced = Atomic(0)
    let refused = Atomic(0)
    let putter = WorkerThread(name: "put") {
      for value in 0..<20_000 {
        switch mailbox.put(value) {
        case .delivered: break
        case .replaced: replaced.add(1, ordering: .relaxed)
        case .closed: refused.add(1, ordering: .relaxed)
        }
      }
    }
    let taker = WorkerThread(name: "take") {
      while let value = mailbox.take() { taken.withLock { $0.append(value) } }
    }
    usleep(UInt32(round) * 700)
    let left = mailbox.close()
    #expect(putter.wait(until: .now.advanced(seconds: 20)) && taker.wait(until: .now.advanced(seconds: 20)))
    let values = taken.withLock { $0 }
    #expect(values == values.sorted())
    #expect(
      values.count + replaced.load(ordering: .relaxed) + refused.load(ordering: .relaxed)
        + left.count == 20_000)
  }
}
