/// Why there is no connection to the broker, or why the broker refused something: what happened and what to do.
public enum MQTTFault: Error, Sendable, Hashable {
  /// The name service does not know the host or does not answer; `detail` is its own text.
  case nameNotResolved(host: String, detail: String)
  /// The system refused the connection; `code` is an `errno`.
  case cannotConnect(host: String, port: Int, code: Int32, detail: String)
  /// Nobody answered within the time for connecting: neither consent nor refusal.
  case connectTimeout(host: String, port: Int)
  /// The encrypted connection could not be made.
  case tls(TLSFault)
  /// The broker answered CONNECT with a refusal.
  case refused(ReasonCode)
  /// The broker consents but cannot do what a station needs.
  case insufficient(ReasonCode)
  /// The other side closed the connection before it answered CONNECT.
  case closedWhileConnecting(encrypted: Bool)
  /// The connection broke; `detail` is the system's text.
  case connectionLost(detail: String)
  /// The broker did not answer a ping.
  case keepAliveTimeout
  /// The broker did not acknowledge a QoS 1 message in time, so the connection is taken for dead.
  case notAcknowledged(topic: String)
  /// The broker sent DISCONNECT.
  case disconnected(ReasonCode)
  /// What came in is not MQTT 5.
  case protocolViolation
  /// The broker does not let this client listen. The connection stays.
  case subscriptionRefused(filter: String, ReasonCode)
  /// The broker did not take a publication. The connection stays.
  case publicationRefused(topic: String, ReasonCode)
  /// A message longer than this station or the broker allows was not sent. The connection stays.
  case messageTooLong(topic: String, bytes: Int, limit: Int)
  /// libmosquitto gave up for another reason; `detail` is its own text.
  case library(code: Int32, detail: String)
}

/// Why an encrypted connection could not be made.
public enum TLSFault: Error, Sendable, Hashable {
  case fileUnreadable(path: String)
  case authorityUnusable
  case certificateUnusable
  case keyUnusable
  case keyDoesNotMatch
  case authorityUnknown
  case expired
  case notYetValid
  case revoked
  case wrongHostName
  case ownCertificateMissing
  case ownCertificateRefused(detail: String)
  case notTLS
  case closed
  case other(detail: String)
}

extension MQTTFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .nameNotResolved(let host, let detail):
      "The broker's name \"\(host)\" cannot be resolved (\(detail)). Check host and the name service."
    case .cannotConnect(let host, let port, _, let detail):
      "Nothing accepts connections at \(host) port \(port) (\(detail)). "
        + "Check that the broker runs, and host, port and firewall."
    case .connectTimeout(let host, let port):
      "\(host) port \(port) did not answer in time. Check the network, the firewall and whether an MQTT broker "
        + "listens there."
    case .tls(let fault):
      fault.description
    case .refused(let reason):
      "The broker refused the connection: \(reason). \(reason.advice)"
    case .insufficient(let reason):
      "The broker is of no use to a station: \(reason). \(reason.advice)"
    case .closedWhileConnecting(true):
      "The broker closed the connection during the TLS handshake. Check that its port expects TLS, and whether it "
        + "demands a client certificate."
    case .closedWhileConnecting(false):
      "The broker closed the connection without an answer. Check that its port expects MQTT without TLS and that "
        + "it speaks MQTT 5."
    case .connectionLost(let detail):
      "The connection to the broker was lost (\(detail)). If this repeats, look into the broker's log and check that "
        + "no other client uses the same client_id."
    case .keepAliveTimeout:
      "The broker stopped answering pings; the connection is taken for dead. Check the network."
    case .notAcknowledged(let topic):
      "The broker did not acknowledge a message on \(topic) in time; the connection is taken for dead. "
        + "Check the network and the broker's load."
    case .disconnected(let reason):
      "The broker closed the connection: \(reason). \(reason.advice)"
    case .protocolViolation:
      "What the broker sent is not MQTT 5. Check that host and port belong to an MQTT broker."
    case .subscriptionRefused(let filter, let reason):
      "The broker does not let this client listen on \(filter): \(reason). What is sent there does not arrive. "
        + reason.advice
    case .publicationRefused(let topic, let reason):
      "The broker did not take a message on \(topic): \(reason). \(reason.advice)"
    case .messageTooLong(let topic, let bytes, let limit):
      "A message of \(bytes) bytes on \(topic) was not sent: the limit is \(limit). "
        + "Raise the limit here and in the broker."
    case .library(let code, let detail):
      "The MQTT library reports error \(code) (\(detail))."
    }
  }

  /// Faults of one kind share a place in the log limiter, whatever their details.
  var kind: String {
    switch self {
    case .subscriptionRefused(let filter, let reason): "subscription \(filter) \(reason.rawValue)"
    case .publicationRefused(let topic, let reason): "publication \(topic) \(reason.rawValue)"
    case .messageTooLong(let topic, _, _): "length \(topic)"
    default: description
    }
  }
}

extension TLSFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fileUnreadable(let path):
      "TLS: the file \(path) cannot be read. Check that it exists and that the service's user may read it."
    case .authorityUnusable:
      "TLS: the file of certificate authorities holds no usable PEM certificate."
    case .certificateUnusable:
      "TLS: the client certificate is no usable PEM certificate."
    case .keyUnusable:
      "TLS: the client key is no usable PEM key; it must not be encrypted with a pass phrase."
    case .keyDoesNotMatch:
      "TLS: the client key does not belong to the client certificate."
    case .authorityUnknown:
      "TLS: the broker's certificate is not signed by a trusted authority. "
        + "Name the right file of certificate authorities."
    case .expired:
      "TLS: the broker's certificate has expired. Renew it, or set this computer's clock."
    case .notYetValid:
      "TLS: the broker's certificate is not valid yet. Set this computer's clock."
    case .revoked:
      "TLS: the broker's certificate has been revoked. Give the broker a new one."
    case .wrongHostName:
      "TLS: the broker's certificate is made out for another host. "
        + "Use the host name that stands in the certificate."
    case .ownCertificateMissing:
      "TLS: the broker demands a client certificate. Configure certificate and key."
    case .ownCertificateRefused(let detail):
      "TLS: the broker refused this station's certificate (\(detail)). "
        + "Check its validity and that the broker trusts its authority."
    case .notTLS:
      "TLS: what answers is not TLS. Check that the port is the broker's TLS port."
    case .closed:
      "TLS: the broker closed the connection during the handshake. Check that its port expects TLS."
    case .other(let detail):
      "TLS: the handshake with the broker failed (\(detail))."
    }
  }

  /// From what OpenSSL left behind: the verification result (its `X509_V_ERR_*` number, 0 for none) and the lines
  /// that libmosquitto logged. libmosquitto's own return code says only "TLS".
  init(verification: Int, log: [String]) {
    let text = log.joined(separator: "; ")
    func says(_ part: String) -> Bool { text.contains(part) }
    self =
      switch verification {
      case 9: .notYetValid
      case 10: .expired
      case 2, 18, 19, 20, 21, 27: .authorityUnknown
      case 23: .revoked
      case 62, 63, 64: .wrongHostName
      default:
        if says("host name verification failed") {
          .wrongHostName
        } else if says("load CA certificates") {
          .authorityUnusable
        } else if says("load client certificate") {
          .certificateUnusable
        } else if says("key values mismatch") || says("keys are inconsistent") {
          .keyDoesNotMatch
        } else if says("load client key") {
          .keyUnusable
        } else if says("alert certificate required") {
          .ownCertificateMissing
        } else if let alert = log.first(where: { $0.contains("alert") && $0.contains("certificate") })
          ?? log.first(where: { $0.contains("alert unknown ca") })
        {
          .ownCertificateRefused(detail: Self.tail(of: alert))
        } else if says("wrong version number") || says("unexpected message") || says("packet length too long")
          || says("http request")
        {
          .notTLS
        } else if says("unexpected eof") {
          .closed
        } else {
          .other(detail: log.first.map(Self.tail) ?? "no details")
        }
      }
  }

  /// The words at the end of OpenSSL's `error:0A000086:SSL routines::certificate verify failed`.
  private static func tail(of line: String) -> String {
    line.split(separator: ":").last.map(String.init) ?? line
  }
}
