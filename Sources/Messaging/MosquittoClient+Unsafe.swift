import CMosquitto
import Foundation
import Glibc

/// One connection to the broker: a `struct mosquitto`, from its creation to its end.
///
/// A new one is made for every attempt. libmosquitto 2.0.11 keeps limits that an earlier broker imposed, resends
/// messages of its own accord, and unlocks a mutex it does not hold when the broker says DISCONNECT; with a fresh
/// object none of that outlives a connection, the outbox alone knows what must be sent again, and renewed
/// certificates are read.
///
/// Unsafe: C pointers and callbacks with a raw context. The object belongs to one thread: libmosquitto calls back
/// only from inside the calls made here, so `events` needs no lock. The context pointer is this object, which
/// outlives the handle it owns. Making one sets SIGPIPE to be ignored in the whole process; libmosquitto does that.
final class MosquittoClient {
  /// What libmosquitto reported during the last call.
  enum Event {
    case accepted(Acceptance)
    case refused(ReasonCode)
    case disconnected(ReasonCode)
    case acknowledged(packet: Int32, ReasonCode)
    case subscribed(packet: Int32, ReasonCode)
    case received(Received)
  }

  /// The broker's consent and the limits it names.
  struct Acceptance {
    var sessionPresent = false
    var receiveMaximum = 65535
    /// Nil: no limit.
    var maximumPacketSize: Int?
    /// What it cannot do though nothing arrives without it: QoS 1, retained messages.
    var shortcoming: ReasonCode?
  }

  struct Received {
    var topic: String
    var payload: [UInt8]
    var isRetained: Bool
    var properties: MessageProperties
    /// When libmosquitto handed it over.
    var arrival: UTCTimestamp
  }

  struct Will {
    var topic: String
    var payload: [UInt8]
  }

  /// A call of libmosquitto that failed, with `errno` as it stood then.
  struct Failure: Error {
    let code: Int32
    let systemError: Int32

    /// Whether the same call would fail on any connection.
    var blamesMessage: Bool {
      [
        MOSQ_ERR_INVAL, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_OVERSIZE_PACKET,
      ].contains { $0.rawValue == code }
    }
  }

  private let handle: OpaquePointer
  private let configuration: MQTTConfiguration
  private var events: [Event] = []
  private var errorLines: [String] = []
  private var saidGoodbye = false

  private static let libraryIsReady: Bool = mosquitto_lib_init() == MOSQ_ERR_SUCCESS.rawValue

  init(_ configuration: MQTTConfiguration, will: Will?) throws(MQTTFault) {
    guard Self.libraryIsReady,
      let handle = mosquitto_new(configuration.clientID, configuration.sessionExpiry == 0, nil)
    else { throw .library(code: errno, detail: Network.text(ofError: errno)) }
    self.handle = handle
    self.configuration = configuration
    mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
    setCallbacks()
    try setOptions(will)
  }

  deinit { mosquitto_destroy(handle) }

  // MARK: Making the connection

  private func setOptions(_ will: Will?) throws(MQTTFault) {
    try demand(mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5))
    try demand(mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, Int32(configuration.maximumInFlight + 64)))
    // A verdict is a small packet that must not wait for the next one.
    try demand(mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
    // With this, publishing only queues and every write happens in `write()`, which reports its errors.
    try demand(mosquitto_threaded_set(handle, true))
    if let will {
      try demand(
        mosquitto_will_set_v5(
          handle, will.topic, Int32(will.payload.count), will.payload, 1, true, nil))
    }
    if let user = configuration.user {
      try demand(mosquitto_username_pw_set(handle, user, configuration.password))
    }
    if let tls = configuration.tls { try setEncryption(tls) }
  }

  private func setEncryption(_ tls: MQTTConfiguration.TLS) throws(MQTTFault) {
    for file in [tls.certificateAuthority, tls.certificate, tls.key].compactMap(\.self)
    where access(file.path, R_OK) != 0 {
      throw .tls(.fileUnreadable(path: file.path))
    }
    // Without a pass phrase callback OpenSSL would ask on the terminal and wait there.
    let noPassPhrase:
      @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) ->
        Int32 = { _, _, _, _ in 0 }
    let authority = tls.certificateAuthority?.path
    try demand(
      mosquitto_tls_set(
        handle, authority, authority == nil ? "/etc/ssl/certs" : nil, tls.certificate?.path, tls.key?.path,
        noPassPhrase))
    try demand(mosquitto_tls_insecure_set(handle, !tls.checksHostName))
  }

  /// Starts to connect without waiting. Afterwards `socket` becomes writable, or has a pending error.
  func connect(family: Network.Family?) throws(MQTTFault) {
    var properties: OpaquePointer?
    defer { mosquitto_property_free_all(&properties) }
    try demand(
      mosquitto_property_add_int32(
        &properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), UInt32(configuration.maximumCommandBytes))
    )
    if configuration.sessionExpiry > 0 {
      try demand(
        mosquitto_property_add_int32(
          &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), UInt32(configuration.sessionExpiry))
      )
    }
    // The connect that does not block takes no properties. The one that blocks keeps them before it looks at the
    // keep-alive time, and refuses 1 second without touching the network. A test checks that the broker sees them.
    _ = mosquitto_connect_bind_v5(handle, configuration.host, Int32(configuration.port), 1, nil, properties)
    let bindAddress: String? =
      switch family {
      case .four: "0.0.0.0"
      case .six: "::"
      case nil: nil
      }
    errno = 0
    let code = mosquitto_connect_bind_async(
      handle, configuration.host, Int32(configuration.port), Int32(configuration.keepAlive), bindAddress)
    let systemError = errno
    guard code == MOSQ_ERR_SUCCESS.rawValue else {
      throw fault(for: Failure(code: code, systemError: systemError), at: .opening)
    }
  }

  /// -1 once the connection has ended.
  var socket: Int32 { mosquitto_socket(handle) }

  var wantsToWrite: Bool { mosquitto_want_write(handle) }

  // MARK: Driving the connection; each call returns at once

  func read() throws(Failure) { try check(mosquitto_loop_read(handle, 16)) }

  func write() throws(Failure) { try check(mosquitto_loop_write(handle, 1)) }

  /// Pings, and finds that the broker answers no more. To be called about once a second.
  func keepAlive() throws(Failure) { try check(mosquitto_loop_misc(handle)) }

  var hasEvents: Bool { !events.isEmpty }

  /// What happened since the last time.
  func takeEvents() -> [Event] {
    defer { events.removeAll(keepingCapacity: true) }
    return events
  }

  // MARK: Requests; the packets are only queued

  /// - Returns: the packet identifier by which the acknowledgement of a QoS 1 message is known.
  func publish(
    _ payload: [UInt8], to topic: String, quality: Int32, retain: Bool, properties: MessageProperties
  ) throws(Failure) -> Int32 {
    var list: OpaquePointer?
    defer { mosquitto_property_free_all(&list) }
    if let topic = properties.responseTopic {
      try check(mosquitto_property_add_string(&list, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), topic))
    }
    if let correlation = properties.correlation {
      try check(
        mosquitto_property_add_binary(
          &list, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), correlation, UInt16(correlation.count)))
    }
    for (name, value) in properties.user {
      try check(
        mosquitto_property_add_string_pair(&list, Int32(MQTT_PROP_USER_PROPERTY.rawValue), name, value))
    }
    var packet: Int32 = 0
    try check(
      mosquitto_publish_v5(handle, &packet, topic, Int32(payload.count), payload, quality, retain, list))
    return packet
  }

  /// Subscribes with QoS 1.
  ///
  /// - Parameter retained: whether the broker sends the retained messages that it has.
  func subscribe(to filter: String, retained: Bool) throws(Failure) -> Int32 {
    let handling = retained ? MQTT_SUB_OPT_SEND_RETAIN_ALWAYS : MQTT_SUB_OPT_SEND_RETAIN_NEVER
    var packet: Int32 = 0
    try check(mosquitto_subscribe_v5(handle, &packet, filter, 1, Int32(handling.rawValue), nil))
    return packet
  }

  /// Says goodbye, which makes the broker forget the will. The socket closes once the packet is written.
  func disconnect() throws(Failure) {
    saidGoodbye = true
    try check(mosquitto_disconnect_v5(handle, 0, nil))
  }

  // MARK: Errors in words

  /// How far a connection has come.
  enum Stage {
    /// The network has not opened it yet.
    case opening
    /// It is open; TLS is under way or CONNECT is not yet answered.
    case greeting
    case accepted
  }

  func fault(for failure: Failure, at stage: Stage) -> MQTTFault {
    let encrypted = configuration.tls != nil
    // An alert of the broker after the handshake comes as a lost connection; OpenSSL's words tell the difference.
    if encrypted, stage != .accepted, !errorLines.isEmpty {
      return .tls(TLSFault(verification: certificateVerification, log: takeErrorLines()))
    }
    switch failure.code {
    case MOSQ_ERR_TLS.rawValue, MOSQ_ERR_TLS_HANDSHAKE.rawValue, MOSQ_ERR_OCSP.rawValue:
      return .tls(TLSFault(verification: certificateVerification, log: takeErrorLines()))
    case MOSQ_ERR_ERRNO.rawValue where stage == .opening:
      return .cannotConnect(
        host: configuration.host, port: configuration.port, code: failure.systemError,
        detail: Network.text(ofError: failure.systemError))
    case MOSQ_ERR_ERRNO.rawValue where stage == .accepted:
      // With TLS the system's error is libmosquitto's invention; OpenSSL's words are the true ones.
      return .connectionLost(detail: takeErrorLines().first ?? Network.text(ofError: failure.systemError))
    case MOSQ_ERR_CONN_LOST.rawValue, MOSQ_ERR_NO_CONN.rawValue, MOSQ_ERR_CONN_REFUSED.rawValue,
      MOSQ_ERR_ERRNO.rawValue:
      return stage == .accepted
        ? .connectionLost(detail: "closed by the broker") : .closedWhileConnecting(encrypted: encrypted)
    case MOSQ_ERR_EAI.rawValue, MOSQ_ERR_LOOKUP.rawValue:
      return .nameNotResolved(
        host: configuration.host, detail: String(cString: gai_strerror(failure.systemError)))
    case MOSQ_ERR_KEEPALIVE.rawValue:
      return .keepAliveTimeout
    case MOSQ_ERR_PROTOCOL.rawValue, MOSQ_ERR_MALFORMED_PACKET.rawValue,
      MOSQ_ERR_MALFORMED_UTF8.rawValue, MOSQ_ERR_DUPLICATE_PROPERTY.rawValue,
      MOSQ_ERR_TOPIC_ALIAS_INVALID.rawValue:
      return .protocolViolation
    default:
      return .library(code: failure.code, detail: String(cString: mosquitto_strerror(failure.code)))
    }
  }

  private func check(_ code: Int32) throws(Failure) {
    if code != MOSQ_ERR_SUCCESS.rawValue { throw Failure(code: code, systemError: errno) }
  }

  private func demand(_ code: Int32) throws(MQTTFault) {
    if code != MOSQ_ERR_SUCCESS.rawValue {
      throw fault(for: Failure(code: code, systemError: errno), at: .opening)
    }
  }

  private func takeErrorLines() -> [String] {
    defer { errorLines.removeAll() }
    return errorLines
  }

  /// OpenSSL's verdict on the broker's certificate, 0 where it has none.
  ///
  /// libmosquitto does not pass it on, and without it "expired" and "unknown authority" look alike. OpenSSL is in
  /// the process already, as libmosquitto's dependency, so its function is found by name instead of linking it.
  private var certificateVerification: Int {
    typealias VerifyResult = @convention(c) (UnsafeMutableRawPointer) -> Int
    guard let ssl = mosquitto_ssl_get(handle), let symbol = dlsym(nil, "SSL_get_verify_result") else {
      return 0
    }
    return unsafeBitCast(symbol, to: VerifyResult.self)(ssl)
  }

  // MARK: Callbacks

  private func setCallbacks() {
    mosquitto_connect_v5_callback_set(handle) { _, context, code, flags, properties in
      guard let client = MosquittoClient.from(context) else { return }
      let reason = ReasonCode(UInt8(clamping: code))
      client.events.append(
        code == 0
          ? .accepted(MosquittoClient.acceptance(flags: flags, properties)) : .refused(reason))
    }
    mosquitto_disconnect_v5_callback_set(handle) { _, context, code, _ in
      // The same number carries libmosquitto's errors (below 128, returned by the calls as well) and the reason in
      // the broker's DISCONNECT. 0 before our own goodbye is a broker that leaves politely.
      guard let client = MosquittoClient.from(context), !client.saidGoodbye, code == 0 || code >= 128 else {
        return
      }
      client.events.append(.disconnected(ReasonCode(UInt8(clamping: code))))
    }
    mosquitto_publish_v5_callback_set(handle) { _, context, packet, reason, _ in
      MosquittoClient.from(context)?.events.append(
        .acknowledged(packet: packet, ReasonCode(UInt8(clamping: reason))))
    }
    mosquitto_subscribe_v5_callback_set(handle) { _, context, packet, count, codes, _ in
      guard let client = MosquittoClient.from(context) else { return }
      let code = count > 0 ? codes?.pointee ?? 0x80 : 0x80
      client.events.append(.subscribed(packet: packet, ReasonCode(UInt8(clamping: code))))
    }
    mosquitto_message_v5_callback_set(handle) { _, context, message, properties in
      guard let client = MosquittoClient.from(context), let message = message?.pointee else { return }
      client.events.append(.received(MosquittoClient.received(message, properties)))
    }
    mosquitto_log_callback_set(handle) { _, context, level, line in
      guard level == MOSQ_LOG_ERR, let line, let client = MosquittoClient.from(context),
        client.errorLines.count < 16
      else { return }
      client.errorLines.append(String(cString: line).trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> MosquittoClient? {
    context.map { Unmanaged<MosquittoClient>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func acceptance(flags: Int32, _ properties: OpaquePointer?) -> Acceptance {
    var acceptance = Acceptance(sessionPresent: flags & 1 != 0)
    var short: UInt16 = 0
    if mosquitto_property_read_int16(properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), &short, false)
      != nil
    {
      acceptance.receiveMaximum = max(1, Int(short))
    }
    var long: UInt32 = 0
    if mosquitto_property_read_int32(
      properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), &long, false) != nil, long > 0
    {
      acceptance.maximumPacketSize = Int(long)
    }
    // Such a broker ought to refuse our will already. Both are 1 where they are absent.
    for (property, reason) in [(MQTT_PROP_MAXIMUM_QOS, 0x9B), (MQTT_PROP_RETAIN_AVAILABLE, 0x9A)] {
      var byte: UInt8 = 1
      mosquitto_property_read_byte(properties, Int32(property.rawValue), &byte, false)
      if byte == 0 { acceptance.shortcoming = ReasonCode(UInt8(reason)) }
    }
    return acceptance
  }

  private static func received(_ message: mosquitto_message, _ list: OpaquePointer?) -> Received {
    let bytes = UnsafeRawBufferPointer(start: message.payload, count: max(0, Int(message.payloadlen)))
    return Received(
      topic: message.topic.map { String(cString: $0) } ?? "", payload: Array(bytes),
      isRetained: message.retain, properties: properties(in: list), arrival: .now)
  }

  private static func properties(in list: OpaquePointer?) -> MessageProperties {
    var properties = MessageProperties()
    var text: UnsafeMutablePointer<CChar>?
    if mosquitto_property_read_string(list, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), &text, false) != nil {
      properties.responseTopic = take(text)
    }
    var data: UnsafeMutableRawPointer?
    var length: UInt16 = 0
    if mosquitto_property_read_binary(
      list, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), &data, &length, false) != nil
    {
      properties.correlation = Array(
        UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : Int(length)))
      free(data)
    }
    let user = Int32(MQTT_PROP_USER_PROPERTY.rawValue)
    var value: UnsafeMutablePointer<CChar>?
    var entry = mosquitto_property_read_string_pair(list, user, &text, &value, false)
    while let found = entry {
      if let name = take(text) { properties.user[name] = take(value) ?? "" }
      entry = mosquitto_property_read_string_pair(found, user, &text, &value, true)
    }
    return properties
  }

  /// A copy of a string that libmosquitto allocated; the original is freed.
  private static func take(_ text: UnsafeMutablePointer<CChar>?) -> String? {
    defer { free(text) }
    return text.map { String(cString: $0) }
  }
}
