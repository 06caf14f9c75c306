import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Messaging

/// The session with a spool, against a broker that plays a script. After each dialogue the accounts add up exactly:
/// what was produced is what the broker has acknowledged, what waits, and what gave way.
@Suite(.timeLimit(.minutes(1))) struct SpoolDialogueTests {
  private let result = "assayd/test/mono/result"
  private let alert = "assayd/test/mono/alert"

  /// What a broker does on its first connection; on all later ones it behaves.
  enum Misdeed: CaseIterable {
    case closesAfterConnect, takesAndSaysNothing, acknowledgesHalf, acknowledgesTwice, acknowledgesUnknown
    case acknowledgesLate, resetsAfterThree, refusesForNow, disconnectsWithReason, sendsGarbage,
      readsHalfAMessage

    func play(_ peer: Peer) throws {
      if self == .closesAfterConnect {
        try peer.accept()
        return
      }
      try peer.accept()
      var seen = 0
      try peer.serve { publication in
        guard publication.topic.hasSuffix("result") || publication.topic.hasSuffix("alert") else {
          return [0]
        }
        seen += 1
        switch self {
        case .closesAfterConnect: throw Peer.Gone()
        case .takesAndSaysNothing: return []
        case .acknowledgesHalf:
          // Two bytes of the PUBACK's four, then the end.
          try peer.send(Array(Packet.puback(publication.identifier ?? 0, reason: 0).prefix(2)))
          throw Peer.Gone()
        case .acknowledgesTwice: return [0, 0]
        case .acknowledgesUnknown:
          try peer.send(Packet.puback(60_000, reason: 0))
          return seen > 5 ? [] : [0]
        case .acknowledgesLate:
          usleep(20_000)
          return [0]
        case .resetsAfterThree:
          if seen == 3 {
            peer.reset()
            throw Peer.Gone()
          }
          return [0]
        case .refusesForNow: return seen <= 4 ? [0x97] : [0]
        case .disconnectsWithReason:
          try peer.send(Packet.disconnect(reason: 0x8B))
          throw Peer.Gone()
        case .sendsGarbage:
          try peer.send([0xFF, 0x00, 0x13, 0x37])
          throw Peer.Gone()
        case .readsHalfAMessage:
          _ = try? peer.receive()
          peer.reset()
          throw Peer.Gone()
        }
      }
    }
  }

  /// Whatever the first connection brings: every message reaches the broker, in the order of its lane from its first
  /// copy on, and none is left.
  @Test(arguments: Misdeed.allCases)
  func losesNothing(_ misdeed: Misdeed) async throws {
    let broker = try FakeBroker(
      { try misdeed.play($0) },
      {
        try $0.accept()
        try $0.serve()
      })
    let spool = makeSpool()
    let session = try makeSession(port: broker.port, outbox: spool) {
      $0.acknowledgeTimeout = .milliseconds(200)
    }
    session.start()
    await eventually("it was online") { session.status.connects > 0 }
    for number in 0..<40 { session.deliver(#"{"n":\#(number),"replayed":false}"#) }
    for number in 0..<3 {
      session.deliver(Array(#"{"a":\#(number),"replayed":false}"#.utf8), to: alert, importance: .alert)
    }
    await eventually("all are acknowledged") { spool.counts.acknowledged == 43 }
    let counts = spool.counts
    #expect(counts.appended == 43 && counts.waiting == 0 && counts.dropped == 0 && counts.rejected == 0)
    for (topic, key, count) in [(result, "n", 40), (alert, "a", 3)] {
      // A slow connection's record may be made after the next one's.
      let all = broker.publications(on: topic)
      let copies = Set(all.map(\.connection)).sorted().flatMap { number in
        all.filter { $0.connection == number }
      }
      var first: [Int] = []
      var told: Set<Int> = []
      for copy in copies {
        let number = try #require(Int(copy.payload.drop { !$0.isNumber }.prefix { $0.isNumber }))
        #expect(copy.payload.hasPrefix(#"{"\#(key)":"#))
        // A second copy says that it is one.
        if told.insert(number).inserted {
          first.append(number)
        } else {
          #expect(copy.payload.contains("true"))
        }
      }
      #expect(first == Array(0..<count))
    }
    await session.stop(within: .seconds(2))
    #expect(spool.counts.unwritten == 0)
  }

  /// The process ends while half is acknowledged; the next one sends the rest, marked, and nothing that was
  /// acknowledged and deleted.
  @Test func theNextProcessSendsWhatWasLeft() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("spool.sqlite")
    let broker = try FakeBroker(
      { peer in
        try peer.accept()
        var taken = 0
        try peer.serve { publication in
          guard publication.topic.hasSuffix("result") else { return [0] }
          taken += 1
          return taken <= 10 ? [0] : []
        }
      },
      {
        try $0.accept()
        try $0.serve()
      })
    var session: MQTTSession? = try makeSession(
      port: broker.port, outbox: Spool(file: file, logger: LogBook().logger))
    session?.start()
    await eventually("it is online") { session?.isOnline == true }
    for number in 0..<30 { session?.deliver(#"{"n":\#(number),"replayed":false}"#) }
    await eventually("ten are acknowledged") { session?.outbox.counts.acknowledged == 10 }
    await session?.stop(within: .milliseconds(100))
    #expect(session?.outbox.counts.addUp == true)
    session = nil

    // The first one's thread may still be closing the file.
    let spool = Spool(file: file, logger: LogBook().logger)
    await eventually("the rest is found") { spool.counts.recovered == 20 }
    let next = try makeSession(port: broker.port, outbox: spool)
    next.start()
    await eventually("the rest is acknowledged") { spool.counts.acknowledged == 20 }
    let late = broker.publications(on: result).filter { $0.connection > 0 }
    #expect(late.map(\.payload) == (10..<30).map { #"{"n":\#($0),"replayed":true}"# })
    #expect(spool.counts.addUp && spool.counts.waiting == 0)
  }

  /// A broker that was away for long comes back: an alert does not wait for the results before it.
  @Test func anAlertOvertakesTheBacklog() async throws {
    let spool = makeSpool()
    for number in 0..<2000 {
      spool.append(OutboxMessage(topic: result, payload: Array("\(number)".utf8), importance: .routine))
    }
    let broker = try FakeBroker {
      // Receive Maximum 4: no more can be on their way before it.
      try $0.accept(properties: [0x21, 0, 4])
      try $0.serve { _ in
        usleep(500)
        return [0]
      }
    }
    let session = try makeSession(port: broker.port, outbox: spool)
    session.start()
    await eventually("some have gone") { spool.counts.acknowledged > 20 }
    session.deliver(Array("alert".utf8), to: alert, importance: .alert)
    await eventually("all are there") { spool.counts.waiting == 0 }
    let order = broker.publications.filter { [result, alert].contains($0.topic) }.map(\.topic)
    let place = try #require(order.firstIndex(of: alert))
    #expect(place < 1000)
    #expect(broker.publications(on: result).map(\.payload) == (0..<2000).map(String.init))
  }

  /// Bounds reached while the broker is away: what the broker gets afterwards is what was kept, the accounts say how many
  /// gave way, and the alerts are all there.
  @Test func accountsForWhatGaveWay() async throws {
    let folder = try TemporaryFolder()
    let spool = Spool(
      file: folder.file("spool.sqlite"), limits: OutboxLimits(messages: 100, bytes: 1 << 20),
      logger: LogBook().logger)
    var kept: [String] = []
    for number in 0..<300 {
      let isNG = number % 5 == 0
      spool.append(
        OutboxMessage(
          topic: result, payload: Array("\(number)".utf8), importance: isNG ? .important : .routine))
      if isNG { kept.append("\(number)") }
      if number % 30 == 0 {
        spool.append(OutboxMessage(topic: alert, payload: Array("a\(number)".utf8), importance: .alert))
      }
    }
    await eventually("it is written") { spool.counts.unwritten == 0 }
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    let session = try makeSession(port: broker.port, outbox: spool)
    session.start()
    await eventually("all are there") { spool.counts.waiting == 0 }
    let counts = spool.counts
    #expect(counts.acknowledged == 100 && counts.droppedForSpace == 210 && counts.appended == 310)
    #expect(broker.publications(on: alert).count == 10)
    let arrived = broker.publications(on: result).map(\.payload)
    #expect(Set(kept).isSubset(of: arrived))
    #expect(
      arrived.filter { !kept.contains($0) } == (0..<300).filter { $0 % 5 != 0 }.suffix(30).map(String.init))
  }
}
