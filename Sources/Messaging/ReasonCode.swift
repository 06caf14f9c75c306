/// A reason code of MQTT 5 (OASIS MQTT 5.0, section 2.4) with its name and what a person can do about it.
public struct ReasonCode: Sendable, Hashable, CustomStringConvertible {
  public let rawValue: UInt8

  public init(_ rawValue: UInt8) { self.rawValue = rawValue }

  /// 0x80 and above mean failure. 0x10, "no matching subscribers", is a success: the broker has the message.
  public var isFailure: Bool { rawValue >= 0x80 }

  /// Whether the message itself is at fault, so that sending it again cannot help.
  var condemnsMessage: Bool { [0x90, 0x95, 0x99].contains(rawValue) }

  /// For example `not authorized (0x87)`.
  public var description: String {
    let number = String(rawValue, radix: 16, uppercase: true)
    return "\(entry?.name ?? "unknown reason") (0x\(number.count < 2 ? "0" : "")\(number))"
  }

  /// What to do, as a sentence.
  public var advice: String { entry?.advice ?? "Look into the broker's log." }

  private var entry: (name: String, advice: String)? { Self.table[rawValue] }

  private static let table: [UInt8: (name: String, advice: String)] = [
    0x00: ("success", "Nothing is wrong."),
    0x04: ("disconnected with will", "Nothing is wrong."),
    0x10: ("no matching subscribers", "Nothing is wrong: nobody listens yet."),
    0x80: ("unspecified error", "Look into the broker's log."),
    0x81: ("malformed packet", "Look into the broker's log; a proxy in between may damage MQTT."),
    0x82: ("protocol error", "Look into the broker's log; a proxy in between may damage MQTT."),
    0x83: ("implementation specific error", "Look into the broker's log."),
    0x84: (
      "unsupported protocol version", "The broker does not speak MQTT 5: update it or switch MQTT 5 on."
    ),
    0x85: ("client identifier not valid", "Choose another client_id; the broker's rules say which it takes."),
    0x86: ("bad user name or password", "Correct user and password for the broker."),
    0x87: (
      "not authorized", "Check user and password, and what the broker's access list allows this user."
    ),
    0x88: ("server unavailable", "Wait, or look into the broker's log."),
    0x89: ("server busy", "Wait, or give the broker more room."),
    0x8A: ("banned", "The broker's administrator has banned this client: ask for the ban to be lifted."),
    0x8B: ("server shutting down", "Wait until the broker is back."),
    0x8C: ("bad authentication method", "The broker wants an authentication that is not user and password."),
    0x8D: ("keep alive timeout", "The network is too slow or blocked: check it, or raise keep_alive."),
    0x8E: (
      "session taken over",
      "Another client uses the same client_id: give every station a client_id of its own."
    ),
    0x8F: ("topic filter invalid", "Check the root topic."),
    0x90: ("topic name invalid", "Check the root topic and the names of the lines."),
    0x91: ("packet identifier in use", "Look into the broker's log."),
    0x92: ("packet identifier not found", "Look into the broker's log."),
    0x93: ("receive maximum exceeded", "Lower the number of messages in flight."),
    0x94: ("topic alias invalid", "Look into the broker's log."),
    0x95: ("packet too large", "Raise the broker's limit for packets or messages."),
    0x96: ("message rate too high", "Raise the broker's rate limit, or report only ng parts."),
    0x97: ("quota exceeded", "Raise the broker's quota for this client."),
    0x98: ("administrative action", "The broker's administrator closed the connection."),
    0x99: ("payload format invalid", "The broker refuses the payload: check its validation rules."),
    0x9A: ("retain not supported", "Switch retained messages on in the broker."),
    0x9B: ("quality of service not supported", "The broker must allow QoS 1."),
    0x9C: ("use another server", "Configure the server that the broker names in its log."),
    0x9D: ("server moved", "Configure the server that the broker names in its log."),
    0x9E: ("shared subscriptions not supported", "Look into the broker's log."),
    0x9F: ("connection rate exceeded", "Wait; raise the broker's connection rate if it stays."),
    0xA0: ("maximum connect time", "The broker limits the time of a connection: raise it if that disturbs."),
    0xA1: ("subscription identifiers not supported", "Look into the broker's log."),
    0xA2: (
      "wildcard subscriptions not supported",
      "The broker must allow wildcards in subscriptions, or commands cannot reach this station."
    ),
  ]
}
