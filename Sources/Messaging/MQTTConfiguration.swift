public import Foundation

/// How to reach the broker and what to ask of it. `check()` says in words what cannot work.
public struct MQTTConfiguration: Sendable, Equatable {
  /// Encryption and certificates. Files are read anew at each attempt to connect, so a renewed certificate needs
  /// no restart.
  public struct TLS: Sendable, Equatable {
    /// PEM file with the certificate authorities to trust; nil: the system's (`/etc/ssl/certs`).
    public var certificateAuthority: URL?
    /// PEM file with this station's certificate; nil: none is shown.
    public var certificate: URL?
    /// PEM file with the key of `certificate`, not encrypted.
    public var key: URL?
    /// False accepts a trusted certificate made out for any other host. Say so only in a test network: whoever
    /// holds any certificate of the same authority can then play the broker.
    public var checksHostName: Bool

    public init(
      certificateAuthority: URL? = nil, certificate: URL? = nil, key: URL? = nil, checksHostName: Bool = true
    ) {
      self.certificateAuthority = certificateAuthority
      self.certificate = certificate
      self.key = key
      self.checksHostName = checksHostName
    }
  }

  /// Name or address of the broker.
  public var host: String
  /// 1...65535; 1883 is the custom for plain connections, 8883 for TLS.
  public var port: Int
  /// Must be unique at the broker: two clients with one identifier throw each other out for ever.
  public var clientID: String
  public var user: String?
  public var password: String?
  /// Nil: no encryption.
  public var tls: TLS?
  /// Seconds of silence after which a ping goes out, 5...3600. A broker that does not answer is given up after at
  /// most twice this time.
  public var keepAlive: Int
  /// Seconds for which the broker keeps commands for this station while it is away, 0...86400. 0, the default,
  /// asks for a clean start: a command sent to an absent station is not carried out later, when nobody expects it.
  public var sessionExpiry: Int
  /// Bound on the way from opening the connection to the broker's consent. The name service has its own time-outs.
  public var connectTimeout: Duration
  /// A QoS 1 message that the broker has not acknowledged for so long means that the connection is dead.
  public var acknowledgeTimeout: Duration
  /// Pause before what the broker refused (a publication, a subscription) is tried again.
  public var refusalPause: Duration
  /// A connection counts as good after this time; only then the back-off starts again from its first step.
  public var settledAfter: Duration
  public var backOff: BackOff
  /// Messages from the outbox on their way at the same time, 1...1000; the broker's own limit counts too.
  public var maximumInFlight: Int
  /// Longest message sent, in bytes with its topic, 1024...67108864. The broker's own limit counts too.
  public var maximumMessageBytes: Int
  /// Longest command packet accepted, in bytes, 256...1048576. The broker is told and must not send longer ones.
  public var maximumCommandBytes: Int

  public init(
    host: String = "localhost", port: Int = 1883, clientID: String, user: String? = nil,
    password: String? = nil, tls: TLS? = nil, keepAlive: Int = 30, sessionExpiry: Int = 0,
    connectTimeout: Duration = .seconds(10), acknowledgeTimeout: Duration = .seconds(20),
    refusalPause: Duration = .seconds(30), settledAfter: Duration = .seconds(10),
    backOff: BackOff = BackOff(), maximumInFlight: Int = 16, maximumMessageBytes: Int = 1 << 20,
    maximumCommandBytes: Int = 1 << 16
  ) {
    self.host = host
    self.port = port
    self.clientID = clientID
    self.user = user
    self.password = password
    self.tls = tls
    self.keepAlive = keepAlive
    self.sessionExpiry = sessionExpiry
    self.connectTimeout = connectTimeout
    self.acknowledgeTimeout = acknowledgeTimeout
    self.refusalPause = refusalPause
    self.settledAfter = settledAfter
    self.backOff = backOff
    self.maximumInFlight = maximumInFlight
    self.maximumMessageBytes = maximumMessageBytes
    self.maximumCommandBytes = maximumCommandBytes
  }

  /// One sentence: which setting, what it holds, what it may hold.
  public struct Mistake: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// - Throws: `Mistake` for the first setting that cannot work.
  public func check() throws(Mistake) {
    func demand(_ condition: Bool, _ text: @autoclosure () -> String) throws(Mistake) {
      if !condition { throw Mistake(description: text()) }
    }
    func demand(_ value: Int, _ name: String, in range: ClosedRange<Int>) throws(Mistake) {
      try demand(
        range.contains(value),
        "\(name) is \(value); allowed are \(range.lowerBound) to \(range.upperBound).")
    }
    func demandText(_ value: String, _ name: String, _ longest: Int) throws(Mistake) {
      let printable = value.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
      try demand(
        !value.isEmpty && value.utf8.count <= longest && printable,
        "\(name) must be 1 to \(longest) bytes of text without control characters.")
    }
    try demandText(host, "host", 255)
    try demand(!host.contains(where: \.isWhitespace), "host is \"\(host)\"; a host name has no spaces.")
    try demand(port, "port", in: 1...65535)
    try demandText(clientID, "client_id", 128)
    if let user { try demandText(user, "user", 1024) }
    if let password {
      try demandText(password, "password", 4096)
      try demand(user != nil, "password is set but user is not: set both or neither.")
    }
    try demand(keepAlive, "keep_alive", in: 5...3600)
    try demand(sessionExpiry, "session_expiry", in: 0...86400)
    try demand(maximumInFlight, "maximum_in_flight", in: 1...1000)
    try demand(maximumMessageBytes, "maximum_message_bytes", in: 1024...(64 << 20))
    try demand(maximumCommandBytes, "maximum_command_bytes", in: 256...(1 << 20))
    for (name, value) in [
      ("connect_timeout", connectTimeout), ("acknowledge_timeout", acknowledgeTimeout),
      ("refusal_pause", refusalPause), ("back_off.first", backOff.first),
    ] {
      try demand(
        value >= .milliseconds(10) && value <= .seconds(3600),
        "\(name) is \(value); allowed are 10 ms to 1 hour.")
    }
    try demand(
      backOff.longest >= backOff.first && backOff.longest <= .seconds(3600),
      "back_off.longest is \(backOff.longest); allowed are back_off.first to 1 hour.")
    if let tls {
      try demand(
        (tls.certificate == nil) == (tls.key == nil),
        "A client certificate needs its key and a key its certificate: set both or neither.")
    }
  }

  /// What works but should not stay so, one sentence each, for the log at start.
  public var warnings: [String] {
    var warnings: [String] = []
    if let tls, !tls.checksHostName {
      warnings.append(
        "The broker's certificate is accepted for any host name: whoever holds a certificate of the same "
          + "authority can play the broker.")
    }
    if tls == nil, password != nil, !["localhost", "127.0.0.1", "::1"].contains(host) {
      warnings.append("The password for the broker travels unencrypted: use TLS.")
    }
    return warnings
  }
}
