/// How the connection to the broker is, at one moment.
public struct MQTTStatus: Sendable, Equatable {
  public enum Connection: String, Sendable {
    /// `start()` was not called yet.
    case idle
    case connecting
    case online
    /// Between two attempts.
    case waiting
    /// Ended for good, by `stop`.
    case stopped
  }

  public var connection = Connection.idle
  /// The broker has accepted every subscription of the present connection.
  public var isListening = false
  /// The newest fault, also after it is over.
  public var fault: MQTTFault?
  /// Connections that the broker accepted since the start.
  public var connects = 0
  /// Attempts that failed and connections that ended by a fault since the start.
  public var failures = 0
  /// Messages without a place in the outbox that went nowhere, because the broker was away or too slow.
  public var dropped = 0
  /// What came in and was thrown away because nobody took what came before it, and commands that came in retained.
  public var arrivalsDropped = 0

  public init() {}
}

/// What `MQTTSession.stop` achieved.
public struct MQTTStopReport: Sendable, Equatable {
  /// The broker has acknowledged `stopped`. Where it has not, it will say `offline` for this station instead.
  public var saidStopped: Bool
  /// Messages still in the outbox.
  public var unacknowledged: Int
}

/// A command that came in on `<root>/<line>/cmd/<verb>`.
public struct MQTTCommand: Sendable, Equatable {
  public var line: String
  public var verb: String
  public var payload: [UInt8]
  /// Where the sender wants the answer; nil: nowhere.
  public var responseTopic: String?
  /// To be sent back with the answer as it is.
  public var correlation: [UInt8]?

  public init(
    line: String, verb: String, payload: [UInt8], responseTopic: String? = nil, correlation: [UInt8]? = nil
  ) {
    self.line = line
    self.verb = verb
    self.payload = payload
    self.responseTopic = responseTopic
    self.correlation = correlation
  }
}
