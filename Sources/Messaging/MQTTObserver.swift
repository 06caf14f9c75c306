public import Logging
import Synchronization

/// A person's tool at the broker: listens, asks, and leaves no trace.
///
/// It shares everything below with `MQTTSession`, so it reconnects after every fault in the same way and says so in
/// the log, but it has no will, no availability and no memory: what is sent while it is away is lost to it.
///
/// ```swift
/// let observer = try MQTTObserver(configuration, filters: ["\(root)/+/result"], logger: logger)
/// try await observer.listen(within: .seconds(5))
/// for await message in observer.messages { ... }
/// ```
public final class MQTTObserver: Sendable {
  /// What comes in on the filters, until `stop`. One consumer; at most 1024 messages wait for it, further ones are
  /// thrown away and counted in `status.arrivalsDropped`.
  public let messages: AsyncStream<ObservedMessage>

  private let configuration: MQTTConfiguration
  private let filters: [String]
  private let answerTopic: String?
  private let logger: Logger
  private let state = SessionState()
  private let requests = PendingRequests()
  private let sink: AsyncStream<ObservedMessage>.Continuation

  /// - Parameters:
  ///   - configuration: with a client identifier of its own, and `maximumCommandBytes` for the longest message wanted.
  ///   - filters: topics to listen on, MQTT's wildcards allowed; retained messages come first.
  ///   - answerTopic: where answers to `request` go; nil for an observer that never asks. Nobody else may use it.
  /// - Throws: `MQTTConfiguration.Mistake` where the configuration cannot work.
  public init(
    _ configuration: MQTTConfiguration, filters: [String], answerTopic: String? = nil, logger: Logger
  ) throws(MQTTConfiguration.Mistake) {
    try configuration.check()
    self.configuration = configuration
    self.filters = filters
    self.answerTopic = answerTopic
    self.logger = logger
    (messages, sink) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1024))
  }

  deinit {
    state.abandon()
    sink.finish()
  }

  public var status: MQTTStatus { state.status }

  /// Connects for the first time and returns once the broker has accepted every subscription, or after a `stop`.
  ///
  /// - Throws: the newest fault where that takes longer than the limit. The observer goes on trying all the same.
  public func listen(within limit: Duration) async throws(MQTTFault) {
    start()
    let end = ContinuousClock.now + limit
    while true {
      let status = state.status
      if status.isListening || status.connection == .stopped { return }
      guard ContinuousClock.now < end, !Task.isCancelled else {
        throw status.fault ?? .connectTimeout(host: configuration.host, port: configuration.port)
      }
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  private func start() {
    guard state.begin() else { return }
    for warning in configuration.warnings { logger.warning("\(warning)") }
    let role = SessionRole(
      availability: nil, filters: filters + [answerTopic].compactMap(\.self), wantsRetained: true
    ) { [answerTopic, requests, sink, state] received in
      let message = ObservedMessage(received)
      if message.topic == answerTopic {
        if let correlation = received.properties.correlation { requests.hear(message, for: correlation) }
      } else if case .dropped = sink.yield(message) {
        state.countDroppedArrival()
      }
    }
    SessionLoop(
      configuration: configuration, role: role, outbox: MemoryOutbox(), state: state, logger: logger
    ).startThread()
  }

  /// Sends a command with QoS 1 and gives whatever is answered to it, until the caller has heard enough.
  ///
  /// - Parameters:
  ///   - silence: longest time without an answer, from the command or the last answer on.
  /// - Returns: throws `RequestFault`. To be asked only of an observer with an answer topic.
  public func request(
    _ payload: [UInt8], on topic: String, silence: Duration
  ) -> AsyncThrowingStream<ObservedMessage, any Error> {
    AsyncThrowingStream { continuation in
      guard let answerTopic, state.status.connection == .online else {
        return continuation.finish(throwing: RequestFault.notConnected)
      }
      let correlation = requests.begin(continuation, silence: silence)
      state.enqueue(
        .init(
          topic: topic, payload: payload, quality: 1, retain: false,
          properties: MessageProperties(responseTopic: answerTopic, correlation: correlation)))
    }
  }

  /// Ends `messages` and every request, and closes the connection.
  public func stop() async {
    sink.finish()
    requests.endAll()
    _ = await state.stop(within: .seconds(1))
  }
}

/// A message as an observer gets it.
public struct ObservedMessage: Sendable, Equatable {
  public var topic: String
  public var payload: [UInt8]
  /// The broker had it already when the subscription was made: it is not news.
  public var isRetained: Bool
  /// MQTT 5 user properties.
  public var userProperties: [String: String]
  /// When it was taken from the network, before it waited for a consumer.
  public var arrivalUTC: UTCTimestamp

  init(_ received: MosquittoClient.Received) {
    topic = received.topic
    payload = received.payload
    isRetained = received.isRetained
    userProperties = received.properties.user
    arrivalUTC = received.arrival
  }
}

/// Why there is no answer to a request.
public enum RequestFault: Error, Equatable, CustomStringConvertible {
  case notConnected
  /// Nothing came for so long.
  case noAnswer(Duration)

  public var description: String {
    switch self {
    case .notConnected: "There is no connection to the broker at this moment."
    case .noAnswer(let silence):
      "No answer came for \(silence). Check that the station runs and that the broker lets it listen to commands "
        + "and publish answers."
    }
  }
}
