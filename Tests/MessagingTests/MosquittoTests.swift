import Foundation
import Glibc
import TestSupport
import Testing

@testable import Messaging

/// The session with the real mosquitto, watched by mosquitto's own client.
@Suite(
  .enabled(if: MosquittoBroker.isInstalled, "\(MosquittoBroker.skipReason)"), .timeLimit(.minutes(2)))
struct MosquittoTests {
  /// A day in the life: online, birth, status, verdict and results as a subscriber sees them, live and retained, then a
  /// clean stop.
  @Test func subscribersSeeTheContract() async throws {
    let broker = try await MosquittoBroker()
    let session = try makeSession(port: broker.port)
    try session.retain(
      BirthMessage(
        version: "1", bootID: "boot", startedUTC: .now, configHash: nil, modelHash: nil, instructionSet: nil,
        lines: ["mono"]))
    session.start()
    await eventually("it is online") { session.isOnline }
    let live = try await MosquittoListener("assayd/test/#", port: broker.port)
    await eventually("the listener listens") { live.lines.count >= 2 }
    let result = sampleResult()
    try session.publish(VerdictMessage(result))
    try session.deliver(result)
    await eventually("the result is acknowledged") { session.outbox.counts.acknowledged == 1 }
    await eventually("the listener has it") { live.lines.contains { $0.contains("/result ") } }
    let line = try #require(live.lines.first { $0.hasPrefix("0 assayd/test/mono/result ") })
    #expect(
      try ResultMessage(payload: Array(line.dropFirst("0 assayd/test/mono/result ".count).utf8)) == result)

    let report = await session.stop(within: .seconds(5))
    #expect(report == MQTTStopReport(saidStopped: true, unacknowledged: 0))
    await eventually("the listener hears `stopped`") {
      live.lines.contains("0 assayd/test/availability stopped")
    }
    let late = try await MosquittoListener("assayd/test/#", port: broker.port)
    await eventually("three retained messages are there") { late.lines.count >= 3 }
    let kept = late.lines
    #expect(kept.allSatisfy { $0.hasPrefix("1 ") })
    #expect(kept.contains("1 assayd/test/availability stopped"))
    #expect(kept.contains { $0.hasPrefix("1 assayd/test/birth {") })
    #expect(kept.contains { $0.hasPrefix("1 assayd/test/mono/verdict {") })
    #expect(!kept.contains { $0.contains("/result ") })
    #expect(!live.lines.contains { $0.contains("offline") })
  }

  /// The session is dropped as a crash would: the broker says `offline`, retained.
  @Test func theBrokerTellsTheWill() async throws {
    let broker = try await MosquittoBroker()
    var session: MQTTSession? = try makeSession(port: broker.port)
    session?.start()
    await eventually("it is online") { session?.isOnline == true }
    let live = try await MosquittoListener("assayd/test/availability", port: broker.port)
    await eventually("the listener hears `online`") { live.lines == ["1 assayd/test/availability online"] }
    session = nil
    await eventually("the listener hears `offline`") {
      live.lines == ["1 assayd/test/availability online", "0 assayd/test/availability offline"]
    }
  }

  /// The broker is killed and comes back, empty, on the same port: everything retained is told again, commands work
  /// again, and the result from the time between arrives, marked.
  @Test func survivesARestartOfTheBroker() async throws {
    let broker = try await MosquittoBroker()
    let session = try makeSession(port: broker.port)
    session.retain(Array(#"{"n":1}"#.utf8), on: session.topics.birth)
    session.start()
    await eventually("it is online") { session.isOnline }
    try session.deliver(sampleResult(seq: 1))
    await eventually("the first result is there") { session.outbox.counts.acknowledged == 1 }
    broker.stop(signal: SIGKILL)
    await eventually("it notices") { !session.isOnline }
    try session.deliver(sampleResult(seq: 2))
    session.publish(Array("lost".utf8), to: "assayd/test/mono/verdict", retain: true)
    try await broker.start()
    await eventually("the second result is there") { session.outbox.counts.acknowledged == 2 }
    let late = try await MosquittoListener("assayd/test/#", port: broker.port)
    await eventually("both retained values are there") { late.lines.count == 2 }
    #expect(Set(late.lines) == ["1 assayd/test/availability online", #"1 assayd/test/birth {"n":1}"#])
    var commands = session.commands.makeAsyncIterator()
    try Oracle.run(
      executable: "/usr/bin/mosquitto_pub",
      [
        "-h", "127.0.0.1", "-p", "\(broker.port)", "-V", "5", "-q", "1", "-t", "assayd/test/mono/cmd/reload",
        "-m", "x",
      ])
    #expect(await commands.next()?.verb == "reload")
  }

  /// A command with response topic and correlation data, asked by mosquitto_rr, answered.
  @Test func answersARequest() async throws {
    let broker = try await MosquittoBroker()
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    let commands = session.commands
    let answering = Task {
      for await command in commands {
        try session.reply(
          to: command,
          with: AnswerMessage(line: command.line, verb: command.verb, outcome: .done, reason: nil))
      }
    }
    // The subscription may be made just after `online`: ask until somebody listens.
    var answer = Data()
    for _ in 0..<5 where answer.isEmpty {
      answer = try Oracle.run(
        executable: "/usr/bin/mosquitto_rr",
        [
          "-h", "127.0.0.1", "-p", "\(broker.port)", "-V", "5", "-q", "1", "-t",
          "assayd/test/mono/cmd/snapshot",
        ]
          + ["-e", "mes/answers/1", "-m", "{}", "-W", "3"])
    }
    let text = String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    let message = try AnswerMessage(payload: Array(text.utf8))
    #expect(message.verb == "snapshot" && message.outcome == .done)
    await session.stop()
    try await answering.value
  }

  /// Wrong password: said in words, and tried again until it is right at the broker.
  @Test func namesAWrongPasswordAndComesBackWhenItIsRight() async throws {
    let folder = try TemporaryFolder()
    let passwords = folder.file("passwords").path
    func set(_ password: String, create: Bool) throws {
      try Oracle.run(
        executable: "/usr/bin/mosquitto_passwd",
        (create ? ["-c"] : []) + ["-b", passwords, "station", password])
    }
    try set("old", create: true)
    let broker = try await MosquittoBroker(
      settings: ["allow_anonymous false", "password_file \(passwords)"], folder: folder)
    let session = try makeSession(port: broker.port) {
      $0.user = "station"
      $0.password = "new"
    }
    session.start()
    await eventually("it is refused twice") { session.status.failures >= 2 }
    let fault = try #require(session.status.fault)
    #expect(fault == .refused(ReasonCode(0x87)) || fault == .refused(ReasonCode(0x86)))
    #expect("\(fault)".contains("user"))
    try set("new", create: false)
    broker.reload()
    await eventually("it is online") { session.isOnline }
  }

  /// The access list forbids results at first. They stay in the outbox, the connection stays, and they arrive when the
  /// list allows it.
  @Test func keepsResultsThatTheAccessListForbids() async throws {
    let folder = try TemporaryFolder()
    let list = folder.file("access")
    let first = "topic readwrite assayd/test/availability\ntopic read assayd/test/+/cmd/+\n"
    try first.write(to: list, atomically: true, encoding: .utf8)
    let broker = try await MosquittoBroker(
      settings: ["allow_anonymous true", "acl_file \(list.path)"], folder: folder)
    let log = LogBook()
    let session = try makeSession(port: broker.port, log: log)
    session.start()
    await eventually("it is online") { session.isOnline }
    try session.deliver(sampleResult())
    await eventually("it is refused") {
      session.status.fault == .publicationRefused(topic: "assayd/test/mono/result", ReasonCode(0x87))
    }
    #expect(session.outbox.counts.waiting == 1)
    try (first + "topic write assayd/test/+/result\n").write(to: list, atomically: false, encoding: .utf8)
    broker.reload()
    await eventually("it arrives") { session.outbox.counts.acknowledged == 1 }
    #expect(session.status.connects == 1 && session.status.failures == 0)
    #expect(log.all.contains { $0.contains("access list") })
  }

  /// mosquitto's limit on the length of messages: what is longer is set aside, the rest goes on.
  @Test func setsAsideWhatIsTooLongForTheBroker() async throws {
    let broker = try await MosquittoBroker(settings: ["allow_anonymous true", "message_size_limit 1000"])
    let session = try makeSession(port: broker.port)
    session.start()
    session.deliver(String(repeating: "x", count: 2000))
    session.deliver("short")
    await eventually("the short one is there") { session.outbox.counts.acknowledged == 1 }
    #expect(session.outbox.counts.rejected == 1)
  }

  /// The broker's own queue for a subscriber who is away is full, and it allows two messages on their way. What it has
  /// acknowledged is its own; for us everything goes through, one after the other, and the accounts add up.
  @Test func aFullQueueAtTheBrokerHoldsNothingUp() async throws {
    let broker = try await MosquittoBroker(settings: [
      "allow_anonymous true", "max_queued_messages 5", "max_inflight_messages 2",
    ])
    // Subscribes with a session that stays, and goes.
    try Oracle.run(
      executable: "/usr/bin/mosquitto_sub",
      [
        "-h", "127.0.0.1", "-p", "\(broker.port)", "-i", "sleeper", "-c", "-q", "1", "-t",
        "assayd/test/mono/result", "-E",
      ])
    let spool = makeSpool()
    for number in 0..<300 {
      spool.append(
        OutboxMessage(
          topic: "assayd/test/mono/result", payload: Array(#"{"n":\#(number)}"#.utf8), importance: .important)
      )
    }
    let session = try makeSession(port: broker.port, outbox: spool)
    session.start()
    await eventually("all are acknowledged") { spool.counts.acknowledged == 300 }
    #expect(spool.counts.waiting == 0 && spool.counts.dropped == 0 && spool.counts.rejected == 0)
    #expect(session.status.failures == 0)
    let kept = try await MosquittoListener(
      "assayd/test/mono/result", port: broker.port, extra: ["-i", "sleeper", "-c"])
    await eventually("the sleeper gets what was kept for it") { !kept.lines.isEmpty }
    #expect(kept.lines.count <= 7 && kept.lines.first?.contains(#"{"n":0}"#) == true)
  }

  /// Two stations with one client identifier throw each other out. mosquitto 2.0 does so without a word, so the hint
  /// stands at every lost connection; and the pauses grow, because no connection settles.
  @Test func doesNotFightOverAClientIdentifier() async throws {
    let broker = try await MosquittoBroker()
    let sessions = try (0..<2).map { _ in
      try makeSession(port: broker.port) {
        $0.clientID = "twin"
        $0.settledAfter = .seconds(60)
        $0.backOff = BackOff(first: .milliseconds(50), longest: .seconds(20))
      }
    }
    let began = ContinuousClock.now
    for session in sessions { session.start() }
    await eventually("both were thrown out") {
      sessions.allSatisfy {
        if case .connectionLost = $0.status.fault { $0.status.connects >= 2 } else { false }
      }
    }
    #expect("\(try #require(sessions[0].status.fault))".contains("client_id"))
    #expect(sessions.allSatisfy { $0.status.connects < 20 && $0.isCalm(since: began) })
  }

  /// Thousands of results while the broker is killed and started again and again: each arrives at least once, none is
  /// lost, and every second copy of one says that it is a replay.
  @Test func losesNothingWhileTheBrokerComesAndGoes() async throws {
    let broker = try await MosquittoBroker(settings: ["allow_anonymous true", "max_queued_messages 0"])
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it is online") { session.isOnline }
    var heard: [String] = []
    for round in 0..<3 {
      let listener = try await MosquittoListener("assayd/test/mono/+", port: broker.port)
      await eventually("the listener listens") {
        session.publish(Array("here".utf8), to: "assayd/test/mono/stats")
        return !listener.lines.isEmpty
      }
      for number in 0..<500 { session.deliver(#"{"id":"\#(round)-\#(number)","replayed":false}"#) }
      await eventually("some have arrived") { listener.lines.contains { $0.contains("/result") } }
      broker.stop(signal: SIGKILL)
      heard += listener.lines
      try await broker.start()
      await eventually("it is online again") { session.isOnline }
    }
    await eventually("all are acknowledged") { session.outbox.counts.waiting == 0 }
    #expect(session.outbox.counts.acknowledged == 1500)
    // What a listener heard live came in order and once.
    let live = heard.filter { $0.contains(#""replayed":false"#) }
    #expect(Set(live).count == live.count)
  }
}

/// TLS with the real mosquitto and certificates made on the spot.
@Suite(
  .enabled(if: MosquittoBroker.isInstalled, "\(MosquittoBroker.skipReason)"), .timeLimit(.minutes(2)))
struct EncryptionTests {
  /// A trusted certificate for the right host: by address and by name.
  @Test(arguments: loopbackHosts)
  func connects(host: String) async throws {
    let shop = try CertificateShop()
    try shop.makeCertificate("server")
    let broker = try await MosquittoBroker(settings: shop.listener("server"))
    let session = try makeSession(port: broker.port) {
      $0.host = host
      $0.tls = .init(certificateAuthority: shop.file("ca.pem"))
    }
    session.start()
    await eventually("it is online") { session.isOnline }
    session.deliver(String(repeating: "x", count: 200_000))
    await eventually("a long message arrives") { session.outbox.counts.acknowledged == 1 }
    #expect(await session.stop(within: .seconds(5)).saidStopped)
  }

  /// What is wrong with the certificate is said in words, one by one.
  @Test(arguments: [
    ("unknown authority", TLSFault.authorityUnknown), ("expired", .expired), ("other host", .wrongHostName),
  ])
  func namesWhatIsWrongWithTheCertificate(what: String, fault: TLSFault) async throws {
    let shop = try CertificateShop()
    switch fault {
    case .authorityUnknown:
      try shop.makeAuthority("other")
      try shop.makeCertificate("server", by: "other")
    case .expired: try shop.makeCertificate("server", days: -1)
    default: try shop.makeCertificate("server", subjects: "DNS:elsewhere.example")
    }
    let broker = try await MosquittoBroker(settings: shop.listener("server"))
    let session = try makeSession(port: broker.port) {
      $0.tls = .init(certificateAuthority: shop.file("ca.pem"))
    }
    let began = ContinuousClock.now
    session.start()
    await eventually("it says: \(what)") { session.status.fault == .tls(fault) }
    await eventually("it tries again") { session.status.failures >= 2 }
    #expect(session.isCalm(since: began))
  }

  /// The host name is not checked where somebody explicitly says so.
  @Test func checksNoHostNameWhereToldSo() async throws {
    let shop = try CertificateShop()
    try shop.makeCertificate("server", subjects: "DNS:elsewhere.example")
    let broker = try await MosquittoBroker(settings: shop.listener("server"))
    let log = LogBook()
    let session = try makeSession(port: broker.port, log: log) {
      $0.tls = .init(certificateAuthority: shop.file("ca.pem"), checksHostName: false)
    }
    session.start()
    await eventually("it is online") { session.isOnline }
    #expect(log.all.contains { $0.hasPrefix("warning") && $0.contains("any host name") })
  }

  /// The certificate expires at the broker; when the broker has a new one, the session comes back by itself.
  @Test func comesBackAfterTheCertificateIsRenewed() async throws {
    let shop = try CertificateShop()
    try shop.makeCertificate("server", days: -1)
    let broker = try await MosquittoBroker(settings: shop.listener("server"))
    let session = try makeSession(port: broker.port) {
      $0.tls = .init(certificateAuthority: shop.file("ca.pem"))
    }
    session.start()
    await eventually("it says why") { session.status.fault == .tls(.expired) }
    try shop.makeCertificate("server")
    broker.stop()
    try await broker.start()
    await eventually("it is online") { session.isOnline }
  }

  /// The broker demands a client certificate: none, one of a foreign authority, and the right one, put in place while
  /// the session is trying.
  @Test func showsItsCertificate() async throws {
    let shop = try CertificateShop()
    try shop.makeCertificate("server")
    try shop.makeAuthority("other")
    try shop.makeCertificate("station", by: "other")
    let broker = try await MosquittoBroker(
      settings: shop.listener("server") + ["cafile \(shop.path("ca.pem"))", "require_certificate true"])
    let without = try makeSession(port: broker.port) {
      $0.tls = .init(certificateAuthority: shop.file("ca.pem"))
    }
    without.start()
    await eventually("it says that one is missing") { without.status.fault == .tls(.ownCertificateMissing) }
    await without.stop()
    let session = try makeSession(port: broker.port) {
      $0.tls = .init(
        certificateAuthority: shop.file("ca.pem"), certificate: shop.file("station.pem"),
        key: shop.file("station.key"))
    }
    session.start()
    await eventually("it says that the broker refuses it") {
      if case .tls(.ownCertificateRefused) = session.status.fault { true } else { false }
    }
    try shop.makeCertificate("station")
    await eventually("it is online with the new certificate") { session.isOnline }
  }

  /// Files that are missing, empty, of another kind, or do not fit each other.
  @Test func namesFilesThatDoNotWork() async throws {
    let shop = try CertificateShop()
    try shop.makeCertificate("server")
    try shop.makeCertificate("station")
    try shop.makeCertificate("second")
    try shop.openssl(
      [
        "ec", "-in", shop.path("station.key"), "-aes128", "-passout", "pass:secret", "-out",
        shop.path("locked.key"),
      ])
    try "not PEM".write(to: shop.file("junk.pem"), atomically: true, encoding: .utf8)
    let broker = try await MosquittoBroker(settings: shop.listener("server"))
    let missing = shop.path("missing.pem")
    let cases: [(ca: String, certificate: String?, key: String?, fault: TLSFault)] = [
      ("missing.pem", nil, nil, .fileUnreadable(path: missing)),
      ("junk.pem", nil, nil, .authorityUnusable),
      ("ca.pem", "missing.pem", "station.key", .fileUnreadable(path: missing)),
      ("ca.pem", "junk.pem", "station.key", .certificateUnusable),
      ("ca.pem", "station.pem", "junk.pem", .keyUnusable),
      ("ca.pem", "station.pem", "locked.key", .keyUnusable),
      ("ca.pem", "station.pem", "second.key", .keyDoesNotMatch),
    ]
    for (ca, certificate, key, fault) in cases {
      let session = try makeSession(port: broker.port) {
        $0.tls = .init(
          certificateAuthority: shop.file(ca), certificate: certificate.map(shop.file),
          key: key.map(shop.file))
      }
      session.start()
      await eventually("it says what is wrong with \(ca) \(certificate ?? "") \(key ?? "")") {
        session.status.fault == .tls(fault) && session.status.failures >= 2
      }
      await session.stop()
    }
  }

  /// The wrong port: TLS to a plain listener, plain MQTT to a TLS listener.
  @Test func namesAPortOfTheOtherKind() async throws {
    let shop = try CertificateShop()
    try shop.makeCertificate("server")
    let plain = try await MosquittoBroker()
    let encrypted = try await MosquittoBroker(settings: shop.listener("server"))
    let toPlain = try makeSession(port: plain.port) {
      $0.tls = .init(certificateAuthority: shop.file("ca.pem"))
    }
    let toEncrypted = try makeSession(port: encrypted.port)
    toPlain.start()
    toEncrypted.start()
    await eventually("both try again") { toPlain.status.failures >= 2 && toEncrypted.status.failures >= 2 }
    #expect(
      [.tls(.closed), .tls(.notTLS), .closedWhileConnecting(encrypted: true)].contains(toPlain.status.fault),
      "\(String(describing: toPlain.status.fault))")
    #expect("\(try #require(toPlain.status.fault))".contains("expects TLS"))
    #expect(
      [.closedWhileConnecting(encrypted: false), .protocolViolation].contains(toEncrypted.status.fault),
      "\(String(describing: toEncrypted.status.fault))")
  }
}
