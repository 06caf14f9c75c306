import Foundation
import Glibc
import Logging

/// The thread that keeps the connection: connect, serve until it ends, wait, again.
///
/// Everything here belongs to that one thread; callers reach it through `SessionState` only. libmosquitto's own
/// thread is not used because it ends for good after errors of TLS, name service, access list or protocol.
final class SessionLoop {
  private let configuration: MQTTConfiguration
  private let role: SessionRole
  private let outbox: any Outbox
  private let state: SessionState
  private let logger: Logger
  private var limiter = LogLimiter(interval: .seconds(60))
  private var generator = SystemRandomNumberGenerator()

  init(
    configuration: MQTTConfiguration, role: SessionRole, outbox: any Outbox, state: SessionState,
    logger: Logger
  ) {
    self.configuration = configuration
    self.role = role
    self.outbox = outbox
    self.state = state
    self.logger = logger
  }

  /// Consumes the loop: from here on only its thread knows it.
  func startThread() {
    nonisolated(unsafe) let loop = self
    let thread = Thread { loop.run() }
    thread.name = "assayd-mqtt"
    thread.stackSize = 1 << 20
    thread.start()
  }

  private func run() {
    var failures = 0
    var saidStopped = false
    while state.phase == .running {
      state.note(.connecting)
      let began = ContinuousClock.now
      var settled = false
      do throws(MQTTFault) {
        let connection = try connect()
        defer { settled = ContinuousClock.now - began > configuration.settledAfter }
        logger.log(
          limited: &limiter, .info, kind: "online",
          "Connected to the broker at \(configuration.host) port \(configuration.port).")
        saidStopped = try connection.serve()
        break
      } catch {
        guard state.phase == .running else { break }
        failures = settled ? 1 : failures + 1
        let pause = configuration.backOff.delay(afterFailures: failures, using: &generator)
        state.note(.waiting)
        state.note(error, endsConnection: true)
        report(error, suffix: " Next attempt in \(Int(pause.inMilliseconds)) ms.")
        sleep(pause)
      }
    }
    state.end(MQTTStopReport(saidStopped: saidStopped, unacknowledged: 0))
  }

  /// Waits until the time is over or the session is to end; other signals do not shorten it.
  private func sleep(_ pause: Duration) {
    let end = ContinuousClock.now + pause
    while state.phase == .running, ContinuousClock.now < end {
      state.turn()
      _ = state.wakeUp.wait(for: -1, writing: false, timeout: end - .now)
    }
  }

  private func report(_ fault: MQTTFault, suffix: String = "") {
    logger.log(limited: &limiter, .warning, kind: fault.kind, "\(fault)\(suffix)")
  }

  // MARK: From nothing to the broker's consent

  private func connect() throws(MQTTFault) -> Connection {
    let deadline = ContinuousClock.now + configuration.connectTimeout
    let families = try Network.families(of: configuration.host, port: configuration.port)
    var last: MQTTFault?
    for family in families {
      // Between families there is no pause, and the time for connecting is shared.
      do throws(MQTTFault) {
        let will = role.availability.map {
          MosquittoClient.Will(topic: $0, payload: Array(Availability.offline.utf8))
        }
        let client = try MosquittoClient(configuration, will: will)
        try client.connect(family: families.count > 1 ? family : nil)
        try openSocket(of: client, deadline: deadline)
        return try handshake(with: client, deadline: deadline)
      } catch {
        guard case .cannotConnect = error, state.phase == .running else { throw error }
        last = error
      }
    }
    throw last ?? timeout
  }

  private var timeout: MQTTFault { .connectTimeout(host: configuration.host, port: configuration.port) }

  /// The network's part. libmosquitto would take a socket that is still connecting for a good one, and TLS on it
  /// would ask again without a pause, so nothing else happens before the socket is open.
  private func openSocket(of client: MosquittoClient, deadline: ContinuousClock.Instant) throws(MQTTFault) {
    while state.phase == .running {
      guard ContinuousClock.now < deadline else { throw timeout }
      state.turn()
      let socket = client.socket
      let ready = state.wakeUp.wait(for: socket, writing: true, timeout: deadline - .now)
      guard ready.writable || ready.hungUp else { continue }
      let error = Network.pendingError(of: socket)
      if error == 0 { return }
      // Opened and already broken off: somebody listens there, but wants something else.
      if error == ECONNRESET || error == EPIPE {
        throw .closedWhileConnecting(encrypted: configuration.tls != nil)
      }
      throw .cannotConnect(
        host: configuration.host, port: configuration.port, code: error, detail: Network.text(ofError: error))
    }
    throw timeout
  }

  /// TLS, CONNECT, CONNACK.
  private func handshake(
    with client: MosquittoClient, deadline: ContinuousClock.Instant
  ) throws(MQTTFault) -> Connection {
    let encrypted = configuration.tls != nil
    var ready = WakeUp.Readiness()
    while state.phase == .running {
      guard ContinuousClock.now < deadline else { throw timeout }
      state.turn()
      var failure: MosquittoClient.Failure?
      var accepted: MosquittoClient.Acceptance?
      var further: [MosquittoClient.Event] = []
      do throws(MosquittoClient.Failure) {
        // Reading also carries on the TLS handshake, one step at a time. Once the other side has closed, all that
        // it left must be read: its reason may stand at the end.
        for _ in 0..<(ready.hungUp ? 32 : 1) where client.socket >= 0 && !client.hasEvents {
          try client.read()
        }
        // With TLS 1.3 the broker's objection to our certificate comes after the handshake. CONNECT sent into that
        // makes the network throw the objection away; so it waits until nothing has come for a moment.
        if client.socket >= 0, !encrypted || !ready.readable { try client.write() }
      } catch {
        failure = error
      }
      for event in client.takeEvents() {
        switch event {
        case .accepted(let acceptance): accepted = acceptance
        case .refused(let reason): throw .refused(reason)
        case .disconnected(let reason): throw .disconnected(reason)
        case .acknowledged, .subscribed, .received: further.append(event)
        }
      }
      if let failure { throw client.fault(for: failure, at: accepted == nil ? .greeting : .accepted) }
      if let accepted {
        if let shortcoming = accepted.shortcoming, role.availability != nil {
          throw .insufficient(shortcoming)
        }
        return Connection(loop: self, client: client, acceptance: accepted, further: further)
      }
      // libmosquitto 2.0.11 takes a connection reset in the TLS handshake for "not yet" and would ask for ever.
      if ready.hungUp || client.socket < 0 { throw .closedWhileConnecting(encrypted: encrypted) }
      // While TLS is under way its wish to write means nothing (it is never taken back): the short wait sees to it.
      ready = state.wakeUp.wait(
        for: client.socket, writing: !encrypted && client.wantsToWrite,
        timeout: min(.milliseconds(encrypted ? 50 : 500), deadline - .now))
    }
    throw timeout
  }
}

/// The words on `<root>/availability`.
public enum Availability {
  public static let online = "online"
  public static let offline = "offline"
  public static let stopped = "stopped"
}

extension SessionLoop {
  /// One accepted connection until its end.
  private final class Connection {
    /// What a packet on its way is.
    private enum Errand {
      case retained(topic: String)
      case outbox(identifier: UInt64, topic: String)
      case transient(topic: String)
      case stopped(topic: String)

      var topic: String {
        switch self {
        case .retained(let topic), .outbox(_, let topic), .transient(let topic), .stopped(let topic): topic
        }
      }
    }

    private let loop: SessionLoop
    private let client: MosquittoClient
    private let longestPacket: Int
    private let mostInFlight: Int
    /// What waits for a PUBACK, by packet identifier.
    private var inFlight: [Int32: (errand: Errand, sent: ContinuousClock.Instant)] = [:]
    private var outboxInFlight: Set<UInt64> = []
    /// One of the outbox's lanes on this connection.
    private struct Reading {
      /// Entries up to here were looked at.
      var cursor: UInt64 = 0
      /// Entries up to here are not news: they waited for this connection, or the broker did not take them before.
      var replayedUpTo: UInt64
    }
    private var readings: [OutboxLane: Reading]
    /// Messages that the outbox had found of an earlier process.
    private var recovered: Int
    private var outboxPausedUntil: ContinuousClock.Instant?
    private var seenRevision: UInt64 = 0
    private var refusedTopics: Set<String> = []
    private var retryRetainedAt: ContinuousClock.Instant?
    /// Filters still to be subscribed to, once it is time.
    private var filters: [String]
    private var subscribeAt: ContinuousClock.Instant? = .now
    /// Subscriptions that wait for a SUBACK, by packet identifier.
    private var subscriptions: [Int32: String] = [:]
    private var goodbyeSaid = false
    private var broken: MQTTFault?
    /// What came in together with the broker's consent: commands that it kept for a session.
    private let further: [MosquittoClient.Event]

    init(
      loop: SessionLoop, client: MosquittoClient, acceptance: MosquittoClient.Acceptance,
      further: [MosquittoClient.Event]
    ) {
      self.loop = loop
      self.client = client
      self.further = further
      longestPacket = min(
        loop.configuration.maximumMessageBytes, acceptance.maximumPacketSize ?? Int.max)
      mostInFlight = min(loop.configuration.maximumInFlight, acceptance.receiveMaximum)
      let counts = loop.outbox.counts
      recovered = counts.recovered
      readings = Dictionary(
        uniqueKeysWithValues: OutboxLane.allCases.map { ($0, Reading(replayedUpTo: counts.newest)) })
      filters = loop.role.filters
    }

    /// - Returns: whether the broker acknowledged `stopped`, after a stop.
    /// - Throws: the fault that ended the connection.
    func serve() throws(MQTTFault) -> Bool {
      loop.state.note(.online)
      _ = try handle(further)
      sayOnline()
      var lastMisc = ContinuousClock.now
      var stoppedAcknowledged = false
      while true {
        loop.state.turn()
        switch loop.state.phase {
        case .running:
          makeSubscriptions()
          sendAll()
        case .stopping(let began, let deadline):
          if stoppedAcknowledged || loop.role.availability == nil || ContinuousClock.now >= deadline {
            sayGoodbye()
            return stoppedAcknowledged
          }
          sendLast(began: began, deadline: deadline)
        case .abandoned, .idle, .ended:
          return false
        }
        do throws(MosquittoClient.Failure) {
          try client.write()
          let ready = loop.state.wakeUp.wait(
            for: client.socket, writing: client.wantsToWrite, timeout: pause)
          if ready.readable || ready.hungUp { try client.read() }
          if ready.writable {
            try client.write()
            // Full again at once, or TLS waiting for something else: a breath instead of a spin.
            if !ready.readable, client.wantsToWrite { usleep(1000) }
          }
          if ContinuousClock.now - lastMisc >= .milliseconds(500) {
            lastMisc = .now
            try client.keepAlive()
          }
        } catch {
          _ = try handle(client.takeEvents())
          throw client.fault(for: error, at: .accepted)
        }
        if try handle(client.takeEvents()) { stoppedAcknowledged = true }
        if let broken { throw broken }
        if client.socket < 0 { throw .connectionLost(detail: "closed by the broker") }
        try checkAcknowledgements()
      }
    }

    /// Time until something has to be done without the network or a caller asking for it.
    private var pause: Duration {
      var next = ContinuousClock.now + .milliseconds(500)
      for instant in [subscribeAt, outboxPausedUntil, retryRetainedAt].compactMap(\.self) {
        next = min(next, instant)
      }
      // A stop lasts at most as long as its deadline, and has several steps that nobody announces.
      if case .stopping = loop.state.phase { next = min(next, .now + .milliseconds(20)) }
      if let oldest = inFlight.values.map(\.sent).min() {
        next = min(next, oldest + loop.configuration.acknowledgeTimeout)
      }
      return max(next - .now, .milliseconds(1))
    }

    // MARK: Sending

    /// Hands over what fits. Nothing is handed over while the socket does not take what it was given, so that
    /// libmosquitto's own queue, which has no bound, stays short.
    private func sendAll() {
      guard !client.wantsToWrite else { return }
      for message in loop.state.takeTransients() {
        let errand: Errand? = message.quality > 0 ? .transient(topic: message.topic) : nil
        if !send(
          message.payload, to: message.topic, quality: message.quality, retain: message.retain,
          properties: message.properties, as: errand)
        {
          loop.state.countDropped()
        }
      }
      sendRetained()
      sendOutbox()
    }

    private func sendRetained() {
      if let instant = retryRetainedAt, instant <= .now {
        retryRetainedAt = nil
        if let topic = loop.role.availability, refusedTopics.remove(topic) != nil { sayOnline() }
        for value in loop.state.retained(after: 0).values where refusedTopics.contains(value.topic) {
          publishRetained(value.payload, on: value.topic)
        }
        refusedTopics = []
      }
      let changed = loop.state.retained(after: seenRevision)
      seenRevision = changed.revision
      for value in changed.values { publishRetained(value.payload, on: value.topic) }
    }

    private func sayOnline() {
      if let topic = loop.role.availability { publishRetained(Array(Availability.online.utf8), on: topic) }
    }

    private func publishRetained(_ payload: [UInt8], on topic: String) {
      if !send(payload, to: topic, quality: 1, retain: true, as: .retained(topic: topic)) {
        loop.state.countDropped()
      }
    }

    private func sendOutbox() {
      if let instant = outboxPausedUntil {
        guard instant <= .now else { return }
        outboxPausedUntil = nil
        // What the broker did not take is asked for again, and is no news any more.
        readings = readings.mapValues {
          Reading(cursor: 0, replayedUpTo: max($0.replayedUpTo, $0.cursor))
        }
      }
      // What an earlier process left may come to light late, and is older than what was looked at.
      let counts = loop.outbox.counts
      if counts.recovered != recovered {
        recovered = counts.recovered
        readings = readings.mapValues { Reading(cursor: 0, replayedUpTo: $0.replayedUpTo) }
      }
      for lane in OutboxLane.allCases { send(lane) }
    }

    private func send(_ lane: OutboxLane) {
      guard var reading = readings[lane] else { return }
      defer { readings[lane] = reading }
      while outboxInFlight.count < mostInFlight, let entry = loop.outbox.next(after: reading.cursor, in: lane)
      {
        reading.cursor = entry.identifier
        if outboxInFlight.contains(entry.identifier) { continue }
        let message = entry.message
        let isReplay = entry.identifier <= reading.replayedUpTo
        let payload = isReplay ? ReplayMark.set(in: message.payload) : message.payload
        let errand = Errand.outbox(identifier: entry.identifier, topic: message.topic)
        if !send(payload, to: message.topic, quality: 1, retain: false, as: errand) {
          loop.outbox.reject(entry.identifier)
        }
      }
    }

    /// Queues one message.
    ///
    /// - Returns: false where the message itself is at fault and can never be sent.
    private func send(
      _ payload: [UInt8], to topic: String, quality: Int32, retain: Bool,
      properties: MessageProperties = MessageProperties(), as errand: Errand?
    ) -> Bool {
      // libmosquitto 2.0.11 counts one byte too few for QoS 1, and a packet over the broker's limit then makes it
      // call abort(); hence our own sum, with room for header and properties.
      let size = payload.count + topic.utf8.count + properties.size + 24
      guard size <= longestPacket else {
        note(.messageTooLong(topic: topic, bytes: size, limit: longestPacket))
        return false
      }
      do throws(MosquittoClient.Failure) {
        let packet = try client.publish(
          payload, to: topic, quality: quality, retain: retain, properties: properties)
        if let errand {
          inFlight[packet] = (errand, .now)
          if case .outbox(let identifier, _) = errand { outboxInFlight.insert(identifier) }
        }
        return true
      } catch {
        let fault = client.fault(for: error, at: .accepted)
        if error.blamesMessage {
          note(fault)
          return false
        }
        // The connection is at fault: it ends, and the message stays where it is.
        broken = broken ?? fault
        return true
      }
    }

    // MARK: Listening

    private func makeSubscriptions() {
      guard let instant = subscribeAt, instant <= .now else { return }
      subscribeAt = nil
      let wanted = filters
      filters = []
      for filter in wanted {
        do throws(MosquittoClient.Failure) {
          let packet = try client.subscribe(to: filter, retained: loop.role.wantsRetained)
          subscriptions[packet] = filter
        } catch {
          subscribeLater(to: filter)
          loop.report(client.fault(for: error, at: .accepted))
        }
      }
    }

    private func subscribeLater(to filter: String) {
      filters.append(filter)
      subscribeAt = .now + loop.configuration.refusalPause
    }

    /// - Returns: whether `stopped` was acknowledged.
    /// - Throws: the reason in the broker's DISCONNECT.
    private func handle(_ events: [MosquittoClient.Event]) throws(MQTTFault) -> Bool {
      var stoppedAcknowledged = false
      var ending: MQTTFault?
      for event in events {
        switch event {
        case .acknowledged(let packet, let reason):
          // Unknown: a QoS 0 message that has just been written, or an acknowledgement sent twice.
          guard let (errand, _) = inFlight.removeValue(forKey: packet) else { continue }
          if case .stopped = errand { stoppedAcknowledged = true }
          acknowledged(errand, reason)
        case .subscribed(let packet, let reason):
          guard let filter = subscriptions.removeValue(forKey: packet) else { continue }
          if reason.isFailure {
            subscribeLater(to: filter)
            note(.subscriptionRefused(filter: filter, reason))
          }
          if subscriptions.isEmpty, filters.isEmpty { loop.state.noteListening() }
        case .received(let message):
          loop.role.receive(message)
        case .disconnected(let reason):
          // libmosquitto may tell it a second time, with the reason lost.
          if !goodbyeSaid { ending = ending ?? .disconnected(reason) }
        case .accepted, .refused:
          ending = .protocolViolation
        }
      }
      if let ending { throw ending }
      return stoppedAcknowledged
    }

    private func acknowledged(_ errand: Errand, _ reason: ReasonCode) {
      if case .outbox(let identifier, _) = errand {
        outboxInFlight.remove(identifier)
        if !reason.isFailure {
          loop.outbox.acknowledge(identifier)
        } else if reason.condemnsMessage {
          loop.outbox.reject(identifier)
        } else if outboxPausedUntil == nil {
          outboxPausedUntil = .now + loop.configuration.refusalPause
        }
      }
      guard reason.isFailure else { return }
      if case .retained(let topic) = errand, !reason.condemnsMessage {
        refusedTopics.insert(topic)
        retryRetainedAt = retryRetainedAt ?? .now + loop.configuration.refusalPause
      }
      note(.publicationRefused(topic: errand.topic, reason))
    }

    private func note(_ fault: MQTTFault) {
      loop.state.note(fault, endsConnection: false)
      loop.report(fault)
    }

    private func checkAcknowledgements() throws(MQTTFault) {
      let limit = ContinuousClock.now - loop.configuration.acknowledgeTimeout
      for (errand, sent) in inFlight.values where sent < limit {
        throw .notAcknowledged(topic: errand.topic)
      }
    }

    // MARK: The end

    /// What is still to be sent goes first, as long as half the time or half a second is left for `stopped`.
    private func sendLast(began: ContinuousClock.Instant, deadline: ContinuousClock.Instant) {
      guard !goodbyeSaid, let topic = loop.role.availability else { return }
      let reserve = min(.milliseconds(500), (deadline - began) / 2)
      if ContinuousClock.now < deadline - reserve {
        sendAll()
        let isIdle = inFlight.isEmpty && !client.wantsToWrite && loop.outbox.counts.waiting == 0
        guard isIdle || outboxPausedUntil != nil else { return }
      }
      goodbyeSaid = true
      _ = send(
        Array(Availability.stopped.utf8), to: topic, quality: 1, retain: true, as: .stopped(topic: topic))
    }

    /// DISCONNECT, so that the broker forgets the will. What does not go out at once does not matter any more.
    private func sayGoodbye() {
      try? client.disconnect()
      for _ in 0..<20 where client.socket >= 0 {
        guard (try? client.write()) != nil, client.wantsToWrite else { break }
        _ = loop.state.wakeUp.wait(for: client.socket, writing: true, timeout: .milliseconds(5))
      }
    }
  }
}

extension Logger {
  /// Writes a line unless one of its kind was written lately.
  fileprivate func log(
    limited limiter: inout LogLimiter, _ level: Logger.Level, kind: String, _ text: @autoclosure () -> String
  ) {
    guard let suppressed = limiter.admit(kind) else { return }
    let note = suppressed > 0 ? " (\(suppressed) more of this kind before)" : ""
    log(level: level, "MQTT: \(text())\(note)")
  }
}
