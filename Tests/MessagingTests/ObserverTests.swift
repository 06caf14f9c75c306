import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Messaging

/// The observer on its own, without a broker.
@Suite(.timeLimit(.minutes(1)))
struct LonelyObserverTests {
  @Test func anAbsentBrokerIsNamedInTime() async throws {
    let port = try Loopback.freePort()
    let log = LogBook()
    let observer = try makeObserver(port: port, log: log)
    let began = ContinuousClock.now
    await #expect {
      try await observer.listen(within: .milliseconds(300))
    } throws: { error in
      "\(error)".hasPrefix("Nothing accepts connections at 127.0.0.1 port \(port)")
    }
    #expect(.now - began < .seconds(5))
    #expect(log.all.contains { $0.hasPrefix("warning: MQTT: Nothing accepts connections") })
    await observer.stop()
  }

  /// Somebody takes the connection and says nothing.
  @Test func aSilentBrokerIsNamedInTime() async throws {
    let broker = try FakeBroker({ $0.stare(seconds: 3) })
    let observer = try makeObserver(port: broker.port)
    await #expect(throws: MQTTFault.connectTimeout(host: "127.0.0.1", port: broker.port)) {
      try await observer.listen(within: .milliseconds(200))
    }
  }

  @Test func aRequestWithoutAConnectionFails() async throws {
    let observer = try makeObserver(port: try Loopback.freePort(), answerTopic: "a/b")
    await #expect(throws: RequestFault.notConnected) {
      for try await _ in observer.request([], on: "x", silence: .seconds(5)) {}
    }
  }

  @Test func aMistakeIsFoundBeforeAnythingIsTried() {
    #expect(throws: MQTTConfiguration.Mistake.self) {
      try makeObserver(port: 0)
    }
  }
}

/// The observer with the real mosquitto and a real session.
@Suite(
  .enabled(if: MosquittoBroker.isInstalled, "\(MosquittoBroker.skipReason)"), .timeLimit(.minutes(2)))
struct ObserverTests {
  @Test func hearsWhatIsKeptAndWhatIsNew() async throws {
    let broker = try await MosquittoBroker()
    let session = try makeSession(port: broker.port)
    session.retain(Array("kept".utf8), on: "assayd/test/mono/status")
    session.start()
    await eventually("it is online") { session.isOnline && session.status.isListening }
    let observer = try makeObserver(port: broker.port)
    let heard = Notebook(observer)
    try await observer.listen(within: .seconds(10))
    await eventually("what is kept has come") { heard.all.count == 2 }

    let before = UTCTimestamp.now
    session.publish(
      [0xFF, 0xD8, 0], to: "assayd/test/mono/heatmap", userProperties: ["result_id": "01ABC", "größe": ""])
    let result = sampleResult()
    try session.deliver(result)
    await eventually("news have come") { heard.all.count == 4 }
    let after = UTCTimestamp.now

    let kept = heard.all.filter(\.isRetained)
    #expect(Set(kept.map(\.topic)) == ["assayd/test/availability", "assayd/test/mono/status"])
    let map = try #require(heard.all.first { $0.topic == "assayd/test/mono/heatmap" })
    #expect(map.payload == [0xFF, 0xD8, 0] && !map.isRetained)
    #expect(map.userProperties == ["result_id": "01ABC", "größe": ""])
    let message = try #require(heard.all.first { $0.topic == "assayd/test/mono/result" })
    #expect(try ResultMessage(payload: message.payload) == result)
    #expect(message.userProperties.isEmpty)
    #expect(before <= map.arrivalUTC && map.arrivalUTC <= after)
    await session.stop()
    await observer.stop()
    await eventually("the stream has ended") { heard.isOver }
    #expect(observer.status.connection == .stopped)
  }

  /// Only what the filters name comes in, and nobody hears that an observer was there.
  @Test func listensToItsFiltersAndLeavesNoTrace() async throws {
    let broker = try await MosquittoBroker()
    let all = try await MosquittoListener("#", port: broker.port)
    var observer: MQTTObserver? = try makeObserver(
      port: broker.port, filters: ["assayd/test/+/result", "assayd/test/availability"])
    let heard = Notebook(try #require(observer))
    try await observer?.listen(within: .seconds(10))
    for topic in ["assayd/test/mono/result", "assayd/test/mono/verdict", "assayd/test/availability"] {
      try publish(topic, "x", port: broker.port)
    }
    await eventually("two have come") { heard.all.count == 2 }
    #expect(heard.all.map(\.topic) == ["assayd/test/mono/result", "assayd/test/availability"])
    #expect(all.lines.count == 3)
    observer = nil
    await eventually("the stream has ended") { heard.isOver }
    try publish("end", "x", port: broker.port)
    await eventually("the end is heard") { all.lines.last == "0 end x" }
    #expect(all.lines.count == 4)
  }

  @Test func listensAgainAfterARestartOfTheBroker() async throws {
    let broker = try await MosquittoBroker()
    let observer = try makeObserver(port: broker.port)
    let heard = Notebook(observer)
    try await observer.listen(within: .seconds(10))
    try publish("assayd/test/mono/result", "before", port: broker.port)
    await eventually("the first has come") { heard.all.count == 1 }
    broker.stop(signal: SIGKILL)
    await eventually("it notices") { !observer.status.isListening }
    try await broker.start()
    await eventually("it listens again") { observer.status.isListening }
    try publish("assayd/test/mono/result", "after", port: broker.port)
    await eventually("the second has come") { heard.all.count == 2 }
    #expect(heard.all.map { String(decoding: $0.payload, as: UTF8.self) } == ["before", "after"])
    await observer.stop()
  }

  @Test func aRefusedUserIsNamed() async throws {
    let broker = try await MosquittoBroker(settings: ["allow_anonymous false"])
    let observer = try makeObserver(port: broker.port)
    await #expect(throws: MQTTFault.refused(ReasonCode(0x87))) {
      try await observer.listen(within: .milliseconds(500))
    }
    await observer.stop()
  }

  /// Two tools ask at the same time; the station answers each several times.
  @Test func eachRequestHearsItsOwnAnswers() async throws {
    let broker = try await MosquittoBroker()
    let session = try makeSession(port: broker.port)
    session.start()
    await eventually("it listens") { session.status.isListening }
    let answering = Task {
      for await command in session.commands {
        let name = String(decoding: command.payload, as: UTF8.self)
        for step in 1...3 { session.reply(to: command, with: Array("\(name) \(step)".utf8)) }
      }
    }
    let port = broker.port
    async let a = ask("a", port: port)
    async let b = ask("b", port: port)
    #expect(try await a == ["a1 1", "a1 2", "a1 3", "a2 1", "a2 2", "a2 3"])
    #expect(try await b == ["b1 1", "b1 2", "b1 3", "b2 1", "b2 2", "b2 3"])
    await session.stop()
    await answering.value
  }

  @Test func silenceEndsARequest() async throws {
    let broker = try await MosquittoBroker()
    let observer = try makeObserver(port: broker.port, filters: [], answerTopic: "answers/1")
    try await observer.listen(within: .seconds(10))
    let silence = Duration.milliseconds(200)
    await #expect(throws: RequestFault.noAnswer(silence)) {
      for try await _ in observer.request([], on: "nobody/listens", silence: silence) {}
    }
    let waiting = Task {
      for try await _ in observer.request([], on: "nobody/listens", silence: .seconds(100)) {}
    }
    try await Task.sleep(for: .milliseconds(50))
    await observer.stop()
    try await waiting.value
  }

  /// Nobody takes the messages: the first 1024 stay, the others are counted.
  @Test func whatNobodyTakesIsBounded() async throws {
    let broker = try await MosquittoBroker()
    let session = try makeSession(port: broker.port)
    session.start()
    let observer = try makeObserver(port: broker.port, filters: ["assayd/test/mono/result"])
    try await observer.listen(within: .seconds(10))
    for number in 1...1100 { session.deliver("\(number)") }
    await eventually("76 are thrown away") { observer.status.arrivalsDropped == 76 }
    await observer.stop()
    var taken: [Int] = []
    for await message in observer.messages {
      taken.append(Int(String(decoding: message.payload, as: UTF8.self)) ?? 0)
    }
    #expect(taken == Array(1...1024))
    await session.stop()
  }
}

/// What an observer heard, taken by a task as it comes.
private final class Notebook: Sendable {
  private let messages = Mutex<[ObservedMessage]>([])
  private let over = Mutex(false)

  init(_ observer: MQTTObserver) {
    let stream = observer.messages
    Task { [self] in
      for await message in stream { messages.withLock { $0.append(message) } }
      over.withLock { $0 = true }
    }
  }

  var all: [ObservedMessage] { messages.withLock { $0 } }
  var isOver: Bool { over.withLock { $0 } }
}

private func makeObserver(
  port: Int, filters: [String] = ["assayd/test/#"], answerTopic: String? = nil, log: LogBook = LogBook(),
  _ change: (inout MQTTConfiguration) -> Void = { _ in }
) throws -> MQTTObserver {
  var configuration = quickConfiguration(port: port)
  configuration.clientID = "observer-\(UUID().uuidString)"
  change(&configuration)
  return try MQTTObserver(configuration, filters: filters, answerTopic: answerTopic, logger: log.logger)
}

private func publish(_ topic: String, _ text: String, port: Int) throws {
  try Oracle.run(
    executable: "/usr/bin/mosquitto_pub",
    ["-h", "127.0.0.1", "-p", "\(port)", "-V", "5", "-q", "1", "-t", topic, "-m", text])
}

/// Asks twice at the same time, as one tool, and waits for three answers to each.
@Sendable private func ask(_ name: String, port: Int) async throws -> [String] {
  let topic = try TopicTree(root: "assayd/test").answers(to: "tool-\(name)")
  let observer = try makeObserver(port: port, filters: [], answerTopic: topic) {
    $0.clientID = "tool-\(name)"
  }
  try await observer.listen(within: .seconds(10))
  async let first = observer.threeAnswers(to: "\(name)1")
  async let second = observer.threeAnswers(to: "\(name)2")
  let answers = try await [first, second]
  await observer.stop()
  return answers.flatMap(\.self)
}

extension MQTTObserver {
  fileprivate func threeAnswers(to name: String) async throws -> [String] {
    var answers: [String] = []
    let topic = "assayd/test/mono/cmd/enrol"
    for try await answer in request(Array(name.utf8), on: topic, silence: .seconds(20)) {
      answers.append(String(decoding: answer.payload, as: UTF8.self))
      if answers.count == 3 { break }
    }
    return answers
  }
}
