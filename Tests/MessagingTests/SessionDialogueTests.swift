import Foundation
import Glibc
import Testing

@testable import Messaging

/// The session against a broker that plays every refusal, delay, duplicate and half packet from a script.
@Suite(.timeLimit(.minutes(1)))
struct SessionDialogueTests {
  private let result = "assayd/test/mono/result"

  /// client: CONNECT with will, limits and credentials / broker: CONNACK / client: online, birth, subscription
  @Test func greetsTheBroker() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    let session = try makeSession(port: broker.port) {
      $0.user = "anna"
      $0.password = "secret"
      $0.maximumCommandBytes = 4096
    }
    session.retain(Array("{}".utf8), on: session.topics.birth)
    session.start()
    await eventually("online, birth and subscription arrive") {
      broker.publications.count == 2 && broker.received.contains { $0.packet.kind == .subscribe }
    }
    let connect = try #require(broker.received.first.flatMap { Connect($0.packet) })
    #expect(connect.version == 5)
    #expect(connect.cleanStart)
    #expect(connect.keepAlive == 5)
    #expect(connect.clientID == "station-\(broker.port)")
    #expect(connect.user == "anna" && connect.password == "secret")
    #expect(connect.willTopic == "assayd/test/availability" && connect.willPayload == "offline")
    #expect(connect.willQuality == 1 && connect.willRetain)
    // Maximum Packet Size: a later libmosquitto that loses the properties fails here.
    #expect(connect.properties[0x27] == [0, 0, 0x10, 0])
    #expect(connect.properties[0x11] == nil)
    let first = broker.publications
    #expect(first.map(\.topic) == ["assayd/test/availability", "assayd/test/birth"])
    #expect(first.map(\.payload) == ["online", "{}"])
    #expect(first.allSatisfy { $0.quality == 1 && $0.retain })
    let subscribe = try #require(broker.received.first { $0.packet.kind == .subscribe }).packet
    var reader = PacketReader(subscribe.body)
    _ = reader.short()
    _ = reader.properties()
    #expect(reader.string() == "assayd/test/+/cmd/+")
    // QoS 1, and retained commands are not wanted.
    #expect(reader.byte() == 0x21)
  }

  /// With a session expiry the client keeps its session at the broker, and says for how long.
  @Test func asksForASessionOnlyWhereConfigured() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    let session = try makeSession(port: broker.port) { $0.sessionExpiry = 600 }
    session.start()
    await eventually("it connects") { session.isOnline }
    let connect = try #require(broker.received.first.flatMap { Connect($0.packet) })
    #expect(!connect.cleanStart)
    #expect(connect.properties[0x11] == [0, 0, 0x02, 0x58])
  }

  /// broker: CONNACK with a refusal, twice, then consent. The client says why in words and comes back.
  @Test(
    arguments: [
      0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A,
      0x9B, 0x9C, 0x9D, 0x9F, 0xFE,
    ] as [UInt8])
  func comesBackAfterEveryRefusal(reason: UInt8) async throws {
    let broker = try FakeBroker(
      { try $0.accept(reason: reason) }, { try $0.accept(reason: reason) },
      {
        try $0.accept()
        try $0.serve()
      })
    let log = LogBook()
    let session = try makeSession(port: broker.port, log: log)
    session.start()
    await eventually("it is online in the end") { session.isOnline }
    #expect(session.status.fault == .refused(ReasonCode(reason)))
    #expect(session.status.failures == 2 && broker.connectionCount == 3)
    // The same words are written once, not twice.
    let lines = log.all.filter { $0.contains("refused the connection") }
    #expect(lines.count == 1)
    #expect(lines.first?.contains("(0x\(String(reason, radix: 16, uppercase: true)))") == true)
  }

  /// broker: a CONNACK of MQTT 3.1.1, "unacceptable protocol version". The client says that MQTT 5 is missing.
  @Test func namesABrokerThatIsTooOld() async throws {
    let broker = try FakeBroker { peer in
      _ = try peer.receive()
      try peer.send([0x20, 2, 0, 1])
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it tries again") { session.status.failures >= 2 }
    #expect(session.status.fault == .refused(ReasonCode(0x84)))
  }

  /// broker: closes before, in or after CONNECT; sends half a CONNACK, garbage, a length that lies, a packet of the
  /// wrong kind; resets. Each time the client comes back and goes on.
  @Test(arguments: Misbehaviour.all)
  func survives(_ misbehaviour: Misbehaviour) async throws {
    let (what, dialogue) = (misbehaviour.testDescription, misbehaviour.dialogue)
    let broker = try FakeBroker(
      dialogue, dialogue,
      {
        try $0.accept()
        try $0.serve()
      })
    let session = try makeSession(port: broker.port)
    session.start()
    session.deliver("after \(what)")
    await eventually("the message arrives in the end after: \(what)") {
      session.outbox.counts.acknowledged == 1 && broker.connectionCount == 3
    }
    #expect(session.status.failures == 2)
    #expect(session.status.fault != nil)
  }

  /// broker: DISCONNECT with a reason, in the middle of things. The client names it and comes back; 0x8E gets the
  /// hint at the client identifier.
  @Test(
    arguments: [
      0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
      0x97,
      0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
    ] as [UInt8])
  func comesBackAfterEveryDisconnect(reason: UInt8) async throws {
    let broker = try FakeBroker(
      { peer in
        try peer.accept()
        try peer.send(Packet.disconnect(reason: reason))
        peer.stare(seconds: 5)
      },
      {
        try $0.accept()
        try $0.serve()
      })
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it comes back") { session.status.connects == 2 }
    let fault = try #require(session.status.fault)
    // libmosquitto's callback cannot tell 0x04 from an error of its own.
    if reason != 0x04 { #expect(fault == .disconnected(ReasonCode(reason))) }
    #expect((reason == 0x8E) == "\(fault)".contains("client_id of its own"))
  }

  /// broker: another client takes the session over while messages are on their way, twice. What was not acknowledged
  /// comes again, marked, in order; what was does not.
  @Test func losesNothingWhenItsSessionIsTakenOver() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      var taken = 0
      try peer.serve { publication in
        guard publication.topic.hasSuffix("result") else { return [0] }
        taken += 1
        guard peer.number < 2, taken == 3 else { return [0] }
        try peer.send(Packet.disconnect(reason: 0x8E))
        peer.stare(seconds: 5)
        throw Peer.Gone()
      }
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    for number in 0..<9 { session.deliver(#"{"n":\#(number),"replayed":false}"#) }
    await eventually("all are acknowledged") { session.outbox.counts.acknowledged == 9 }
    #expect(session.status.fault == .disconnected(ReasonCode(0x8E)))
    let copies = broker.publications(on: result)
    // Two are acknowledged each time; the third is the first of the next connection.
    for (connection, first) in [(1, 2), (2, 4)] {
      #expect(
        copies.first { $0.connection == connection }?.payload == #"{"n":\#(first),"replayed":true}"#)
    }
    #expect(copies.filter { $0.connection == 2 }.count == 5)
  }

  /// broker: takes the connection and never says a word. The client gives up after its time for connecting, without
  /// spinning, and tries again.
  @Test func givesUpOnASilentBroker() async throws {
    let broker = try FakeBroker(
      { $0.stare(seconds: 20) },
      {
        try $0.accept()
        try $0.serve()
      })
    let session = try makeSession(port: broker.port) { $0.connectTimeout = .milliseconds(300) }
    let began = ContinuousClock.now
    session.start()
    await eventually("it comes back") { session.isOnline }
    #expect(session.status.fault == .connectTimeout(host: "127.0.0.1", port: broker.port))
    #expect(session.isCalm(since: began))
  }

  /// The same with TLS: the other side never answers the handshake, or breaks it off. libmosquitto would ask a
  /// broken-off handshake again without a pause.
  @Test(arguments: [false, true])
  func givesUpOnAHandshakeThatStands(reset: Bool) async throws {
    let broker = try FakeBroker { peer in
      var byte: UInt8 = 0
      recv(peer.socket, &byte, 1, Int32(MSG_PEEK))
      if reset { peer.reset() } else { peer.stare(seconds: 20) }
    }
    let session = try makeSession(port: broker.port) {
      $0.tls = .init()
      $0.connectTimeout = .milliseconds(300)
    }
    let began = ContinuousClock.now
    session.start()
    await eventually("it tries again and again") { session.status.failures >= 3 }
    let fault = try #require(session.status.fault)
    if reset {
      #expect(fault == .closedWhileConnecting(encrypted: true) || fault == .tls(.closed), "\(fault)")
    } else {
      #expect(fault == .connectTimeout(host: "127.0.0.1", port: broker.port))
    }
    #expect(session.isCalm(since: began))
  }

  /// broker: speaks plain MQTT where TLS is expected. The client says that it is no TLS port.
  @Test func namesAPortWithoutTLS() async throws {
    let broker = try FakeBroker {
      try $0.send(Packet.connack(reason: 0))
      $0.stare(seconds: 5)
    }
    let session = try makeSession(port: broker.port) { $0.tls = .init() }
    session.start()
    await eventually("it tries again") { session.status.failures >= 2 }
    #expect(session.status.fault == .tls(.notTLS))
  }

  /// broker: consents and then vanishes without a FIN: nothing is acknowledged. The client takes the connection for
  /// dead by the missing PUBACK, and sends the message again, marked as replayed.
  @Test func noticesAHalfOpenConnectionByMissingAcknowledgements() async throws {
    let broker = try FakeBroker(
      { peer in
        try peer.accept()
        try peer.serve { $0.topic == "assayd/test/mono/result" ? [] : [0] }
      },
      {
        try $0.accept()
        try $0.serve()
      })
    let session = try makeSession(port: broker.port) { $0.acknowledgeTimeout = .milliseconds(300) }
    session.start()
    await eventually("it is online") { session.isOnline }
    session.deliver(#"{"n":1,"replayed":false}"#)
    await eventually("the second broker gets it") { session.outbox.counts.acknowledged == 1 }
    #expect(session.status.fault == .notAcknowledged(topic: result))
    let copies = broker.publications(on: result)
    #expect(copies.map(\.payload) == [#"{"n":1,"replayed":false}"#, #"{"n":1,"replayed":true}"#])
    #expect(copies.map(\.connection) == [0, 1])
  }

  /// broker: consents, then answers no ping. Idle, the client notices by its keep-alive (5 s, the shortest) within
  /// twice that time, and turns a few times a second meanwhile.
  @Test func noticesAHalfOpenConnectionByMissingPings() async throws {
    let broker = try FakeBroker(
      { peer in
        try peer.accept()
        while true {
          let packet = try peer.receive()
          if let publication = Publication(packet), let identifier = publication.identifier {
            try peer.send(Packet.puback(identifier, reason: 0))
          }
        }
      },
      {
        try $0.accept()
        try $0.serve()
      })
    let session = try makeSession(port: broker.port)
    let began = ContinuousClock.now
    session.start()
    await eventually(within: 20, "it comes back") { session.status.connects == 2 }
    #expect(session.status.fault == .keepAliveTimeout)
    #expect(broker.received.contains { $0.packet.kind == .pingreq })
    #expect(session.isCalm(since: began))
  }

  /// broker: demands a ping every second, and is silent between. The client keeps to the broker's time, not to its own 30 s.
  @Test func keepsToTheBrokersKeepAlive() async throws {
    let broker = try FakeBroker {
      // Server Keep Alive 1.
      try $0.accept(properties: [0x13, 0, 1])
      try $0.serve()
    }
    let session = try makeSession(port: broker.port) { $0.keepAlive = 30 }
    session.start()
    await eventually("two pings come") { broker.received.count { $0.packet.kind == .pingreq } >= 2 }
    #expect(session.status.failures == 0)
  }

  /// broker: consents, but allows no QoS 1 or no retained messages. Nothing is given up for that: the client says what
  /// is missing, keeps what it has, and sends it once the broker can.
  @Test(arguments: [0x24, 0x25] as [UInt8])
  func waitsForABrokerThatCanDoEnough(property: UInt8) async throws {
    let broker = try FakeBroker(
      {
        try $0.accept(properties: [property, 0])
        try $0.serve()
      },
      {
        try $0.accept(properties: [property, 1])
        try $0.serve()
      })
    let session = try makeSession(port: broker.port)
    session.deliver("1")
    session.start()
    await eventually("it is acknowledged") { session.outbox.counts.acknowledged == 1 }
    #expect(session.outbox.counts.rejected == 0)
    #expect(session.status.fault == .insufficient(ReasonCode(property == 0x24 ? 0x9B : 0x9A)))
    #expect(broker.publications(on: result).map(\.connection) == [1])
  }

  /// broker: takes its time with each PUBACK. Nothing is lost, sent twice or reordered, and never are more messages on
  /// their way than the broker allows.
  @Test func waitsForSlowAcknowledgements() async throws {
    let broker = try FakeBroker { peer in
      // Receive Maximum 2.
      try peer.accept(properties: [0x21, 0, 2])
      var waiting: [UInt16] = []
      while true {
        let packet = try peer.receive()
        if packet.kind == .subscribe { try peer.send(Packet.suback(packet.firstIdentifier, reason: 1)) }
        guard let publication = Publication(packet), let identifier = publication.identifier else { continue }
        if publication.topic != "assayd/test/mono/result" {
          try peer.send(Packet.puback(identifier, reason: 0))
          continue
        }
        waiting.append(identifier)
        if waiting.count == 2 {
          usleep(30_000)
          // Nothing more came while two were on their way.
          var probe = pollfd(fd: peer.socket, events: Int16(POLLIN), revents: 0)
          if poll(&probe, 1, 0) != 0 { return }
          for identifier in waiting.reversed() { try peer.send(Packet.puback(identifier, reason: 0)) }
          waiting = []
        }
      }
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    for number in 0..<20 { session.deliver("\(number)") }
    await eventually("all are acknowledged") { session.outbox.counts.acknowledged == 20 }
    #expect(broker.publications(on: result).map(\.payload) == (0..<20).map(String.init))
    #expect(session.status.failures == 0)
  }

  /// broker: acknowledges everything twice. The second one means nothing.
  @Test func ignoresDuplicateAcknowledgements() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve { _ in [0, 0] }
    }
    let session = try makeSession(port: broker.port)
    session.start()
    for number in 0..<50 { session.deliver("\(number)") }
    await eventually("all are acknowledged") { session.outbox.counts.acknowledged == 50 }
    #expect(session.outbox.counts.waiting == 0)
    #expect(session.status.failures == 0)
  }

  /// broker: PUBACK "no matching subscribers". That is a success.
  @Test func takesNoSubscribersForSuccess() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve { _ in [0x10] }
    }
    let session = try makeSession(port: broker.port)
    session.start()
    session.deliver("1")
    await eventually("it is acknowledged") { session.outbox.counts.acknowledged == 1 }
    #expect(session.status.fault == nil)
  }

  /// broker: PUBACK with a reason that may pass (quota, access list). The message stays and is sent again after the
  /// pause, as replayed, on the same connection.
  @Test(arguments: [0x80, 0x83, 0x87, 0x91, 0x97, 0xFF] as [UInt8])
  func sendsAgainWhatWasRefusedForNow(reason: UInt8) async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      var refusals = 0
      try peer.serve { publication in
        guard publication.topic.hasSuffix("result"), refusals < 2 else { return [0] }
        refusals += 1
        return [reason]
      }
    }
    let log = LogBook()
    let session = try makeSession(port: broker.port, log: log)
    session.start()
    await eventually("it is online") { session.isOnline }
    session.deliver(#"{"replayed":false}"#)
    await eventually("it is acknowledged") { session.outbox.counts.acknowledged == 1 }
    #expect(
      broker.publications(on: result).map(\.payload) == [
        #"{"replayed":false}"#, #"{"replayed":true}"#, #"{"replayed":true}"#,
      ])
    #expect(session.status.fault == .publicationRefused(topic: result, ReasonCode(reason)))
    #expect(session.status.failures == 0)
    #expect(log.all.filter { $0.contains("did not take") }.count == 1)
  }

  /// broker: PUBACK with a reason that condemns the message itself. It is set aside and counted; the next one passes.
  @Test(arguments: [0x90, 0x95, 0x99] as [UInt8])
  func setsAsideWhatIsRefusedForGood(reason: UInt8) async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      try peer.serve { $0.payload == "bad" ? [reason] : [0] }
    }
    let session = try makeSession(port: broker.port)
    session.start()
    session.deliver("bad")
    session.deliver("good")
    await eventually("the good one is acknowledged") { session.outbox.counts.acknowledged == 1 }
    await eventually("the bad one is set aside") { session.outbox.counts.rejected == 1 }
    #expect(session.outbox.counts.waiting == 0)
  }

  /// broker: names a packet limit. What is longer never goes out, costs no connection and does not block the rest.
  @Test func keepsToTheBrokersPacketLimit() async throws {
    // Maximum Packet Size 300.
    let broker = try FakeBroker {
      try $0.accept(properties: [0x27, 0, 0, 1, 44])
      try $0.serve()
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    session.deliver(String(repeating: "x", count: 400))
    session.deliver("short")
    await eventually("the short one is acknowledged") { session.outbox.counts.acknowledged == 1 }
    #expect(session.outbox.counts.rejected == 1)
    #expect(broker.publications(on: result).map(\.payload) == ["short"])
    #expect(session.status.failures == 0)
  }

  /// broker: refuses the subscription. The connection stays, the client says that commands will not arrive, and asks
  /// again until it may.
  @Test func asksAgainForARefusedSubscription() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      var refusals = 0
      while true {
        let packet = try peer.receive()
        if packet.kind == .subscribe {
          try peer.send(Packet.suback(packet.firstIdentifier, reason: refusals < 2 ? 0x87 : 1))
          refusals += 1
          if refusals == 3 { try peer.send(Packet.publish("assayd/test/mono/cmd/trigger", "now")) }
        } else if let publication = Publication(packet), let identifier = publication.identifier {
          try peer.send(Packet.puback(identifier, reason: 0))
        }
      }
    }
    let log = LogBook()
    let session = try makeSession(port: broker.port, log: log)
    session.start()
    var commands = session.commands.makeAsyncIterator()
    let command = await commands.next()
    #expect(command == MQTTCommand(line: "mono", verb: "trigger", payload: Array("now".utf8)))
    #expect(session.status.failures == 0)
    #expect(log.all.contains { $0.contains("does not arrive") })
  }

  /// broker: refuses a retained publication, then takes it. The client tries again by itself.
  @Test func publishesRefusedRetainedValuesAgain() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      var seen: [String: Int] = [:]
      try peer.serve { publication in
        seen[publication.topic, default: 0] += 1
        return seen[publication.topic] == 1 ? [0x87] : [0]
      }
    }
    let session = try makeSession(port: broker.port)
    session.retain(Array("{}".utf8), on: session.topics.birth)
    session.start()
    await eventually("both come twice") {
      broker.publications(on: "assayd/test/birth").count == 2
        && broker.publications(on: "assayd/test/availability").count == 2
    }
  }

  /// broker: a command with response topic and correlation data; retained and foreign ones. The answer carries the
  /// correlation data; only the real command arrives.
  @Test func answersCommands() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      for packet in [
        Packet.publish("assayd/test/mono/cmd/recipe", "old", retain: true),
        Packet.publish("assayd/test/mono/status", "noise"),
        Packet.publish(
          "assayd/test/mono/cmd/recipe", #"{"recipe":"cell"}"#, responseTopic: "mes/answers",
          correlation: "c-17"),
      ] {
        try peer.send(packet)
      }
      try peer.serve()
    }
    let session = try makeSession(port: broker.port)
    session.start()
    var commands = session.commands.makeAsyncIterator()
    let command = try #require(await commands.next())
    #expect(command.verb == "recipe" && command.line == "mono")
    #expect(String(decoding: command.payload, as: UTF8.self) == #"{"recipe":"cell"}"#)
    #expect(command.responseTopic == "mes/answers")
    #expect(session.status.arrivalsDropped == 1)
    let answer = AnswerMessage(line: command.line, verb: command.verb, outcome: .done, reason: nil)
    #expect(try session.reply(to: command, with: answer))
    await eventually("the answer arrives") { broker.publications(on: "mes/answers").count == 1 }
    let publication = broker.publications(on: "mes/answers")[0]
    #expect(publication.quality == 1 && !publication.retain)
    #expect(publication.properties[0x09] == Array("c-17".utf8))
    #expect(try AnswerMessage(payload: Array(publication.payload.utf8)) == answer)
    // Nobody can make the station speak on its own topics or on a wildcard, or answer nowhere.
    for topic in ["assayd/test/mono/verdict", "assayd/test/availability", "a/#", "", nil] {
      #expect(
        !session.reply(to: MQTTCommand(line: "mono", verb: "x", payload: [], responseTopic: topic), with: []))
    }
  }

  /// broker: more commands than anybody takes. What is too much is counted, the first ones stay, memory is bounded.
  @Test func boundsCommandsThatNobodyTakes() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      for number in 0..<100 { try peer.send(Packet.publish("assayd/test/mono/cmd/trigger", "\(number)")) }
      try peer.serve()
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("36 are thrown away") { session.status.arrivalsDropped == 36 }
    var commands = session.commands.makeAsyncIterator()
    #expect(await commands.next()?.payload == Array("0".utf8))
  }

  /// broker: breaks the connection twice. Subscription, online, birth and the newest status come again each time; a
  /// verdict from the time without a connection never does.
  @Test func tellsEverythingRetainedAtEachConnectAndNeverAnOldVerdict() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      try peer.serve { publication in
        if publication.topic.hasSuffix("result") && peer.number < 2 { throw Peer.Gone() }
        return [0]
      }
    }
    let session = try makeSession(port: broker.port)
    session.publish(Array("early".utf8), to: "assayd/test/mono/verdict", retain: true)
    session.retain(Array("birth".utf8), on: session.topics.birth)
    session.retain(Array("stalled".utf8), on: "assayd/test/mono/status")
    session.start()
    await eventually("it is online") { session.isOnline }
    session.retain(Array("running".utf8), on: "assayd/test/mono/status")
    session.publish(Array("live".utf8), to: "assayd/test/mono/verdict", retain: true)
    await eventually("the status is there") {
      broker.publications(on: "assayd/test/mono/verdict").count == 1
        && broker.publications(on: "assayd/test/mono/status").last?.payload == "running"
    }
    session.deliver(#"{"replayed":false}"#)
    await eventually("the third connection takes the result") { session.outbox.counts.acknowledged == 1 }
    for connection in 1...2 {
      let heard = broker.publications.filter { $0.connection == connection }
      #expect(
        heard.map(\.topic).prefix(3) == [
          "assayd/test/availability", "assayd/test/birth", "assayd/test/mono/status",
        ])
      #expect(heard.map(\.payload).prefix(3) == ["online", "birth", "running"])
    }
    #expect(broker.publications(on: "assayd/test/mono/verdict").map(\.payload) == ["live"])
    #expect(broker.publications(on: "assayd/test/mono/verdict")[0].quality == 0)
    #expect(session.status.dropped == 1)
    #expect(broker.received.filter { $0.packet.kind == .subscribe }.map(\.connection) == [0, 1, 2])
    #expect(
      broker.publications(on: result).map(\.payload) == [
        #"{"replayed":false}"#, #"{"replayed":true}"#, #"{"replayed":true}"#,
      ])
  }

  /// What was produced without a connection is sent in order at the next one, marked as replayed; what comes after is
  /// live again.
  @Test func marksWhatWaitedForTheConnection() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    let session = try makeSession(port: broker.port)
    for seq in 1...3 { try session.deliver(sampleResult(seq: UInt64(seq))) }
    session.start()
    await eventually("the old ones are there") { session.outbox.counts.acknowledged == 3 }
    try session.deliver(sampleResult(seq: 4))
    await eventually("the new one is there") { session.outbox.counts.acknowledged == 4 }
    let results = try broker.publications(on: result).map {
      try ResultMessage(payload: Array($0.payload.utf8))
    }
    #expect(results.map(\.seq) == [1, 2, 3, 4])
    #expect(results.map(\.replayed) == [true, true, true, false])
  }

  /// broker: takes data in drops. Live messages beyond the bound give way, oldest first, and are counted; the session
  /// goes on and its memory stays bounded.
  @Test func boundsWhatASlowBrokerHoldsUp() async throws {
    let broker = try FakeBroker { peer in
      try peer.accept()
      // Reads nothing more for a while: the socket buffers fill.
      usleep(400_000)
      try peer.serve()
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    let picture = [UInt8](repeating: 65, count: 100_000)
    for _ in 0..<400 { session.publish(picture, to: "assayd/test/mono/heatmap") }
    session.publish(Array("last".utf8), to: "assayd/test/mono/verdict")
    await eventually("the newest arrives") { broker.publications(on: "assayd/test/mono/verdict").count == 1 }
    let arrived = broker.publications(on: "assayd/test/mono/heatmap").count
    #expect(arrived + session.status.dropped == 400)
    #expect(session.status.dropped > 100)
    #expect(session.status.failures == 0)
  }

  /// Nobody listens on the port, then somebody does. And: "localhost", whatever families it has.
  @Test(arguments: loopbackHosts)
  func connectsOnceSomebodyListens(host: String) async throws {
    let port = try Loopback.freePort()
    let session = try makeSession(port: port) { $0.host = host }
    let began = ContinuousClock.now
    session.start()
    await eventually("it is refused") { session.status.failures >= 3 }
    guard case .cannotConnect(host, port, ECONNREFUSED, _) = session.status.fault else {
      Issue.record("\(String(describing: session.status.fault))")
      return
    }
    #expect(session.isCalm(since: began))
    await session.stop()
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    let second = try makeSession(port: broker.port) { $0.host = host }
    second.start()
    await eventually("it is online") { second.isOnline }
  }

  /// A name that does not exist, an address without a route. The client says so and keeps trying.
  @Test func namesAHostThatDoesNotExist() async throws {
    let session = try makeSession(port: 1883) { $0.host = "no-such-host.invalid" }
    session.start()
    await eventually("it tries again") { session.status.failures >= 2 }
    guard case .nameNotResolved("no-such-host.invalid", _) = session.status.fault else {
      Issue.record("\(String(describing: session.status.fault))")
      return
    }
  }

  /// A listener whose queue is full drops the connection's first packets: the network's own time-out is minutes. The
  /// client keeps to its own.
  @Test func boundsTheTimeOfAConnectionThatNobodyAnswers() async throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    let port = try Loopback.bind(listener)
    listen(listener, 0)
    var fillers: [Int32] = []
    defer { for filler in fillers { close(filler) } }
    for _ in 0..<4 {
      let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0)
      fillers.append(filler)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      address.sin_port = in_port_t(port).bigEndian
      _ = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(filler, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    let session = try makeSession(port: port) { $0.connectTimeout = .milliseconds(200) }
    let began = ContinuousClock.now
    session.start()
    await eventually("it gives up twice") { session.status.failures >= 2 }
    #expect(session.status.fault == .connectTimeout(host: "127.0.0.1", port: port))
    #expect(ContinuousClock.now - began < .seconds(5))
    let stopping = ContinuousClock.now
    await session.stop(within: .milliseconds(200))
    #expect(ContinuousClock.now - stopping < .seconds(2))
  }

  /// A clean stop: what is in the outbox goes first, then `stopped`, acknowledged, then DISCONNECT without the will.
  @Test func stopsCleanly() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    for number in 0..<100 { session.deliver("\(number)") }
    let report = await session.stop(within: .seconds(5))
    #expect(report == MQTTStopReport(saidStopped: true, unacknowledged: 0))
    #expect(session.status.connection == .stopped)
    await eventually("DISCONNECT arrives") { broker.received.last?.packet.kind == .disconnect }
    let last = try #require(broker.publications.last)
    #expect(last.topic == "assayd/test/availability" && last.payload == "stopped" && last.retain)
    #expect(broker.publications(on: result).count == 100)
    #expect(broker.received.last?.packet.body.first ?? 0 == 0)
    // A second stop answers at once, and nothing connects again.
    #expect(await session.stop().saidStopped)
    #expect(broker.connectionCount == 1)
  }

  /// broker: acknowledges nothing. The stop keeps to its deadline and says what it could not do.
  @Test func keepsToTheDeadlineOfAStop() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve { _ in [] }
    }
    let session = try makeSession(port: broker.port)
    session.start()
    session.deliver("1")
    await eventually("it was sent") { broker.publications(on: "assayd/test/mono/result").count == 1 }
    let began = ContinuousClock.now
    let report = await session.stop(within: .milliseconds(400))
    #expect(ContinuousClock.now - began < .seconds(3))
    #expect(report == MQTTStopReport(saidStopped: false, unacknowledged: 1))
    await eventually("`stopped` was tried and DISCONNECT said") {
      broker.publications.last?.payload == "stopped" && broker.received.last?.packet.kind == .disconnect
    }
  }

  /// Without a connection there is nothing to wait for.
  @Test func stopsAtOnceWithoutAConnection() async throws {
    let session = try makeSession(port: try Loopback.freePort()) {
      $0.backOff = BackOff(first: .seconds(60), longest: .seconds(60))
    }
    session.start()
    await eventually("it waits") { session.status.connection == .waiting }
    session.deliver("1")
    let began = ContinuousClock.now
    let report = await session.stop(within: .seconds(10))
    #expect(ContinuousClock.now - began < .seconds(3))
    #expect(report == MQTTStopReport(saidStopped: false, unacknowledged: 1))
    let idle = try makeSession(port: 1)
    #expect(await !idle.stop().saidStopped)
  }

  /// Letting go of the session breaks the connection without DISCONNECT, so that the broker publishes the will.
  @Test func breaksTheConnectionWhenDropped() async throws {
    let broker = try FakeBroker {
      try $0.accept()
      try $0.serve()
    }
    var session: MQTTSession? = try makeSession(port: broker.port)
    session?.start()
    await eventually("it is online") { session?.isOnline == true }
    let commands = session?.commands
    session = nil
    // The stream of commands ends with the session.
    if let commands { for await _ in commands {} }
    #expect(!broker.received.contains { $0.packet.kind == .disconnect })
  }

  /// A broker that consents and breaks off at once, again and again: the back-off must not start anew each time.
  @Test func backsOffFromAConnectionThatNeverSettles() async throws {
    let broker = try FakeBroker { try $0.accept() }
    let session = try makeSession(port: broker.port) {
      $0.backOff = BackOff(first: .milliseconds(20), longest: .seconds(10))
    }
    session.start()
    let began = ContinuousClock.now
    await eventually("it fails six times") { session.status.failures >= 6 }
    // Five pauses of at least 10, 20, 40, 80 and 160 ms lie between.
    #expect(ContinuousClock.now - began > .milliseconds(300))
  }
}

/// Something a broker must not do, with a name.
struct Misbehaviour: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let dialogue: FakeBroker.Dialogue

  init(_ testDescription: String, _ dialogue: @escaping FakeBroker.Dialogue) {
    self.testDescription = testDescription
    self.dialogue = dialogue
  }

  static let all: [Misbehaviour] = [
    .init("closes at once") { _ in },
    .init("closes after CONNECT") { _ = try $0.receive() },
    .init("resets after CONNECT") { peer in
      _ = try peer.receive()
      peer.reset()
    },
    .init("half a CONNACK") { peer in
      _ = try peer.receive()
      try peer.send([0x20, 3, 0])
    },
    .init("an empty CONNACK") { peer in
      _ = try peer.receive()
      try peer.send([0x20, 0])
    },
    .init("a length that never ends") { peer in
      _ = try peer.receive()
      try peer.send([0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    },
    .init("properties longer than the packet") { peer in
      _ = try peer.receive()
      try peer.send([0x20, 3, 0, 0, 0x7F])
    },
    .init("a property that CONNACK must not have") { peer in
      _ = try peer.receive()
      try peer.send([0x20, 6, 0, 0, 3, 0x23, 0, 1])
    },
    .init("PUBACK instead of CONNACK") { peer in
      _ = try peer.receive()
      try peer.send(Packet.puback(1, reason: 0))
    },
    .init("a web server") { try $0.send(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)) },
    .init("zeroes") { try $0.send([UInt8](repeating: 0, count: 64)) },
    .init("DISCONNECT instead of CONNACK") { peer in
      _ = try peer.receive()
      try peer.send(Packet.disconnect(reason: 0x89))
    },
    .init("consents, then half a packet") { peer in
      try peer.accept()
      try peer.send([0x30, 0x20, 0, 4, 65])
    },
    .init("consents, then garbage") { peer in
      try peer.accept()
      try peer.send([UInt8](repeating: 0xF7, count: 99))
    },
    .init("consents, then consents again") { peer in
      try peer.accept()
      try peer.send(Packet.connack(reason: 0))
      peer.stare(seconds: 5)
    },
    .init("consents, then a PUBACK for packet 0") { peer in
      try peer.accept()
      try peer.send(Packet.puback(0, reason: 0))
      peer.stare(seconds: 5)
    },
    .init("consents, then an empty SUBACK") { peer in
      try peer.accept()
      try peer.send([0x90, 0])
      peer.stare(seconds: 5)
    },
    .init("consents, then resets") { peer in
      try peer.accept()
      peer.reset()
    },
  ]
}
