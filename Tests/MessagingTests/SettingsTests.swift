import Foundation
import TestSupport
import Testing

@testable import Messaging

@Suite struct TopicTreeTests {
  @Test func namesTheTopics() throws {
    let topics = try TopicTree(root: "plant/hall 3/press")
    #expect(topics.availability == "plant/hall 3/press/availability")
    #expect(topics.birth == "plant/hall 3/press/birth")
    #expect(topics.topic(.verdict, of: "mono") == "plant/hall 3/press/mono/verdict")
    #expect(topics.command("trigger", for: "mono") == "plant/hall 3/press/mono/cmd/trigger")
    #expect(topics.commandFilter == "plant/hall 3/press/+/cmd/+")
  }

  @Test(arguments: [
    "", "/", "/a", "a/", "a//b", "a/+/b", "a#", "#", "+", "$SYS/a", "a\u{0}b", "a\nb",
    String(repeating: "x", count: 129),
  ])
  func refusesARoot(root: String) {
    #expect(throws: TopicTree.Mistake.self) { try TopicTree(root: root) }
  }

  @Test(arguments: ["", "a/b", "a+", "#", "a\u{7F}", String(repeating: "é", count: 33)])
  func refusesALine(name: String) {
    #expect(throws: TopicTree.Mistake.self) { try TopicTree.check(line: name) }
  }

  @Test(arguments: ["mono", "Línea 1", "a-b_c.d", String(repeating: "x", count: 64)])
  func takesALine(name: String) throws {
    try TopicTree.check(line: name)
  }

  @Test(arguments: ["press-3", "", "a/b", "+#", String(repeating: "h", count: 300), "two words\n"])
  func theRootOfAnyHostNameIsARoot(hostName: String) throws {
    let topics = TopicTree(hostName: hostName)
    #expect(try TopicTree(root: topics.root) == topics)
    #expect(topics.root.hasPrefix("assayd/"))
    #expect(try TopicTree(root: TopicTree.standard.root) == TopicTree.standard)
  }

  @Test func understandsCommands() throws {
    let topics = try TopicTree(root: "a/b")
    #expect(try #require(topics.command(in: "a/b/mono/cmd/trigger")) == ("mono", "trigger"))
    for topic in [
      "a/b/mono/cmd", "a/b/mono/cmd/", "a/b//cmd/x", "a/b/mono/cmd/x/y", "a/b/cmd/x", "a/c/mono/cmd/x",
      "a/bmono/cmd/x", "mono/cmd/x", "", "a/b/mono/status/x",
    ] {
      #expect(topics.command(in: topic) == nil, "\(topic)")
    }
  }

  @Test func knowsItsOwnTopics() throws {
    let topics = try TopicTree(root: "a/b")
    for topic in [
      "a/b/availability", "a/b/birth", "a/b/mono/status", "a/b/mono/verdict", "a/b/mono/result",
      "a/b/mono/alert",
      "a/b/mono/cmd/trigger", "a/b/other/heatmap", "a/b/mono/stats",
    ] {
      #expect(topics.isOwn(topic), "\(topic)")
    }
    for topic in ["a/b/answers/17", "a/b/answers", "mes/answers", "a/c/birth", "a/b"] {
      #expect(!topics.isOwn(topic), "\(topic)")
    }
  }
}

@Suite struct BackOffTests {
  @Test func doublesWithJitterWithinItsBounds() {
    let backOff = BackOff(first: .milliseconds(500), longest: .seconds(30))
    var generator = SeededGenerator(seed: 3)
    var ceiling = Duration.milliseconds(500)
    for failures in 1...40 {
      let delays = (0..<200).map { _ in backOff.delay(afterFailures: failures, using: &generator) }
      #expect(delays.allSatisfy { $0 >= ceiling / 2 && $0 <= ceiling })
      #expect(Set(delays).count > 150)
      ceiling = min(ceiling * 2, .seconds(30))
    }
    #expect(backOff.delay(afterFailures: .max, using: &generator) <= .seconds(30))
  }

  @Test func theLogSaysEachKindOncePerInterval() {
    var limiter = LogLimiter(interval: .seconds(60))
    let start = ContinuousClock.now
    #expect(limiter.admit("a", now: start) == 0)
    #expect(limiter.admit("b", now: start) == 0)
    for second in 1...59 { #expect(limiter.admit("a", now: start + .seconds(second)) == nil) }
    #expect(limiter.admit("a", now: start + .seconds(61)) == 59)
    #expect(limiter.admit("a", now: start + .seconds(122)) == 0)
    for kind in 0..<10_000 { _ = limiter.admit("k\(kind)", now: start) }
  }
}

@Suite struct ConfigurationTests {
  @Test(arguments: WrongSetting.all)
  func namesTheMistake(_ wrong: WrongSetting) {
    var configuration = MQTTConfiguration(clientID: "station")
    wrong.change(&configuration)
    let mistake = #expect(throws: MQTTConfiguration.Mistake.self) { try configuration.check() }
    #expect(mistake?.description.contains(wrong.testDescription) == true, "\(String(describing: mistake))")
  }

  @Test func warnsOfWhatIsOpen() throws {
    var configuration = MQTTConfiguration(host: "broker.plant", clientID: "s", user: "u", password: "p")
    try configuration.check()
    #expect(configuration.warnings.count == 1)
    configuration.tls = .init()
    #expect(configuration.warnings.isEmpty)
    configuration.tls?.checksHostName = false
    #expect(configuration.warnings.count == 1)
    #expect(MQTTConfiguration(clientID: "s", user: "u", password: "p").warnings.isEmpty)
  }

  /// Every fault and every reason tells a person what to do: whole sentences, no raw numbers alone.
  @Test func everyFaultIsASentence() {
    let reasons = (0...255).map { ReasonCode(UInt8($0)) }
    let faults: [MQTTFault] =
      [
        .nameNotResolved(host: "h", detail: "d"), .cannotConnect(host: "h", port: 1, code: 111, detail: "d"),
        .connectTimeout(host: "h", port: 1), .closedWhileConnecting(encrypted: true),
        .closedWhileConnecting(encrypted: false), .connectionLost(detail: "d"), .keepAliveTimeout,
        .notAcknowledged(topic: "t"), .protocolViolation, .messageTooLong(topic: "t", bytes: 2, limit: 1),
        .library(code: 1, detail: "d"),
      ]
      + reasons.flatMap {
        [
          MQTTFault.refused($0), .disconnected($0), .subscriptionRefused(filter: "f", $0),
          .publicationRefused(topic: "t", $0),
        ]
      }
      + [
        TLSFault.fileUnreadable(path: "/p"), .authorityUnusable, .certificateUnusable, .keyUnusable,
        .keyDoesNotMatch,
        .authorityUnknown, .expired, .notYetValid, .revoked, .wrongHostName, .ownCertificateMissing,
        .ownCertificateRefused(detail: "d"), .notTLS, .closed, .other(detail: "d"),
      ].map { .tls($0) }
    for fault in faults {
      #expect(fault.description.hasSuffix(".") && fault.description.count > 30, "\(fault)")
      #expect(!fault.kind.isEmpty)
    }
    #expect(ReasonCode(0x87).description == "not authorized (0x87)")
    #expect(ReasonCode(0x05).description == "unknown reason (0x05)")
    #expect(!ReasonCode(0x10).isFailure && ReasonCode(0x80).isFailure)
  }
}

/// A setting by its name, and a value that it must not have.
struct WrongSetting: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let change: @Sendable (inout MQTTConfiguration) -> Void

  init(_ testDescription: String, change: @escaping @Sendable (inout MQTTConfiguration) -> Void) {
    self.testDescription = testDescription
    self.change = change
  }

  static let all: [WrongSetting] = [
    .init("host") { $0.host = "" },
    .init("host") { $0.host = "two words" },
    .init("host") { $0.host = "a\u{0}b" },
    .init("port") { $0.port = 0 },
    .init("port") { $0.port = 65536 },
    .init("client_id") { $0.clientID = "" },
    .init("client_id") { $0.clientID = String(repeating: "x", count: 129) },
    .init("password") { $0.password = "p" },
    .init("user") { $0.user = "a\u{0}" },
    .init("keep_alive") { $0.keepAlive = 4 },
    .init("keep_alive") { $0.keepAlive = 3601 },
    .init("session_expiry") { $0.sessionExpiry = -1 },
    .init("maximum_in_flight") { $0.maximumInFlight = 0 },
    .init("maximum_message_bytes") { $0.maximumMessageBytes = 100 },
    .init("maximum_command_bytes") { $0.maximumCommandBytes = 1 << 30 },
    .init("connect_timeout") { $0.connectTimeout = .zero },
    .init("acknowledge_timeout") { $0.acknowledgeTimeout = .seconds(7200) },
    .init("back_off.first") { $0.backOff.first = .zero },
    .init("back_off.longest") { $0.backOff.longest = .milliseconds(1) },
    .init("certificate") { $0.tls = .init(certificate: URL(fileURLWithPath: "/c")) },
  ]
}
