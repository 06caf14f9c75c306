import Foundation
public import Logging

/// The station's connection to the broker: MQTT 5, kept up for ever.
///
/// A thread of its own connects, listens and publishes. After every kind of failure (name service, network, TLS,
/// refusal, silence, garbage) it waits as `BackOff` says and tries again; only `stop` ends it. No call here waits
/// for the network, except `stop`.
///
/// At each connect the session publishes `online` on `<root>/availability`, whose will says `offline`, then every
/// value given to `retain` once more, makes the subscription for commands, and sends what is in the outbox, oldest
/// first. Three ways to publish differ in what happens without a connection:
///
/// | call | QoS | without a connection |
/// |---|---|---|
/// | `publish` | 0 | dropped and counted: what is late is worth nothing |
/// | `retain` | 1 | the newest value per topic is kept and published at the next connect |
/// | `deliver` | 1 | kept in the outbox until the broker acknowledges it |
///
/// Example:
/// ```swift
/// let session = try MQTTSession(configuration, topics: topics, logger: logger)
/// session.start()
/// try session.retain(birth)
/// for await command in session.commands { ... }
/// await session.stop(within: .seconds(1))
/// ```
/// Dropping the last reference without `stop` breaks the connection, and the broker says `offline`.
public final class MQTTSession: Sendable {
  public let topics: TopicTree
  public let outbox: any Outbox
  /// Commands as they come in. One consumer; at most 64 wait for it, further ones are thrown away and counted.
  public let commands: AsyncStream<MQTTCommand>

  private let state = SessionState()
  private let configuration: MQTTConfiguration
  private let logger: Logger
  private let commandSink: AsyncStream<MQTTCommand>.Continuation

  /// - Throws: `MQTTConfiguration.Mistake` where the configuration cannot work.
  public init(
    _ configuration: MQTTConfiguration, topics: TopicTree, outbox: any Outbox = MemoryOutbox(), logger: Logger
  ) throws(MQTTConfiguration.Mistake) {
    try configuration.check()
    self.configuration = configuration
    self.topics = topics
    self.outbox = outbox
    self.logger = logger
    (commands, commandSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(64))
  }

  deinit {
    state.abandon()
    commandSink.finish()
  }

  /// Starts to connect. A second call does nothing.
  public func start() {
    guard state.begin() else { return }
    outbox.onNews { [state] in state.wakeUp.signal() }
    for warning in configuration.warnings { logger.warning("\(warning)") }
    // Retained commands stay away: one that somebody published so by mistake must not be carried out at every
    // reconnect.
    let role = SessionRole(
      availability: topics.availability, filters: [topics.commandFilter], wantsRetained: false
    ) { [topics, state, commandSink] message in
      guard let (line, verb) = topics.command(in: message.topic) else { return }
      // The broker was told not to send retained commands; one that comes all the same is old.
      guard !message.isRetained else { return state.countDroppedArrival() }
      let command = MQTTCommand(
        line: line, verb: verb, payload: message.payload, responseTopic: message.properties.responseTopic,
        correlation: message.properties.correlation)
      if case .enqueued = commandSink.yield(command) { return }
      state.countDroppedArrival()
    }
    SessionLoop(configuration: configuration, role: role, outbox: outbox, state: state, logger: logger)
      .startThread()
  }

  /// Publishes with QoS 0, if there is a connection now.
  ///
  /// - Parameters:
  ///   - retain: whether the broker shows the message to later subscribers.
  ///   - userProperties: travel beside the payload, for what a payload that is no JSON cannot say.
  public func publish(
    _ payload: [UInt8], to topic: String, retain: Bool = false, userProperties: [String: String] = [:]
  ) {
    state.enqueue(
      .init(
        topic: topic, payload: payload, quality: 0, retain: retain,
        properties: MessageProperties(user: userProperties)))
  }

  /// Sets the value of a retained topic with QoS 1, now and at each later connect until another value replaces it.
  /// At most 1024 topics.
  public func retain(_ payload: [UInt8], on topic: String) {
    state.remember(payload, on: topic)
  }

  /// Sends with QoS 1 through the outbox. In a payload with the field `"replayed":false` the session sets it to
  /// true whenever it sends the message later than live.
  public func deliver(_ payload: [UInt8], to topic: String, importance: OutboxMessage.Importance) {
    outbox.append(OutboxMessage(topic: topic, payload: payload, importance: importance))
    state.wakeUp.signal()
  }

  /// Answers a command on the topic it named, with its correlation data and QoS 1, if there is a connection now.
  ///
  /// - Returns: false where the command names no topic that an answer may go to.
  @discardableResult
  public func reply(to command: MQTTCommand, with payload: [UInt8]) -> Bool {
    guard let topic = command.responseTopic, TopicTree.canPublish(to: topic), !topics.isOwn(topic) else {
      return false
    }
    state.enqueue(
      .init(
        topic: topic, payload: payload, quality: 1, retain: false,
        properties: MessageProperties(correlation: command.correlation)))
    return true
  }

  public var status: MQTTStatus { state.status }

  /// Sends what is in the outbox as far as time allows, says `stopped`, waits for the broker's acknowledgement,
  /// closes the connection, and then the outbox. Returns at the latest shortly after twice the limit, whatever the
  /// network and the disk do.
  @discardableResult
  public func stop(within limit: Duration = .seconds(1)) async -> MQTTStopReport {
    var report = await state.stop(within: limit)
    await outbox.close(within: limit)
    report.unacknowledged = outbox.counts.waiting
    commandSink.finish()
    return report
  }

  /// See `SessionState.loopTurns`.
  var loopTurns: Int { state.loopTurns }
}

extension MQTTSession {
  /// Publishes the newest verdict: retained, QoS 0, never later than live.
  public func publish(_ verdict: VerdictMessage) throws {
    publish(try verdict.encoded(), to: topics.topic(.verdict, of: verdict.line), retain: true)
  }

  public func publish(_ stats: StatsMessage) throws {
    publish(try stats.encoded(), to: topics.topic(.stats, of: stats.line))
  }

  /// Sets the birth message for this and all later connects.
  public func retain(_ birth: BirthMessage) throws {
    retain(try birth.encoded(), on: topics.birth)
  }

  public func retain(_ status: StationStatusMessage) throws {
    retain(try status.encoded(), on: topics.status)
  }

  public func retain(_ status: StatusMessage) throws {
    retain(try status.encoded(), on: topics.topic(.status, of: status.line))
  }

  /// Sends a result through the outbox; everything but `ok` is important.
  public func deliver(_ result: ResultMessage) throws {
    deliver(
      try result.encoded(), to: topics.topic(.result, of: result.line),
      importance: result.verdict == .ok ? .routine : .important)
  }

  /// Sends an alert through the outbox, past all results that wait there.
  public func deliver(_ alert: AlertMessage) throws {
    deliver(try alert.encoded(), to: topics.topic(.alert, of: alert.line), importance: .alert)
  }

  @discardableResult
  public func reply(to command: MQTTCommand, with answer: AnswerMessage) throws -> Bool {
    reply(to: command, with: try answer.encoded())
  }
}
