import Foundation
import Glibc
import Synchronization

/// A broker that plays a script: one dialogue per connection, in order, the last one again for all further ones.
///
/// It speaks just enough MQTT 5 to be believed, and misbehaves exactly as a test tells it to. Loopback only.
final class FakeBroker: Sendable {
  typealias Dialogue = @Sendable (Peer) throws -> Void

  /// What the client sent, with the number of its connection, from 0.
  struct Record: Sendable {
    var connection: Int
    var packet: Packet
  }

  let port: Int
  private let listener: Int32
  private let dialogues: [Dialogue]
  private let records = Mutex<[Record]>([])
  private let connections = Mutex(0)

  init(_ dialogues: Dialogue...) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    port = try Loopback.bind(listener)
    self.dialogues = dialogues
    guard listen(listener, 16) == 0 else { throw Loopback.Failure(call: "listen", code: errno) }
    // The thread holds the broker weakly between connections, so that the end of a test ends it. It alone closes the
    // listener: its number could belong to another test's socket while `accept` is about to be called.
    let descriptor = listener
    Thread.detachNewThread { [weak self] in
      defer { close(descriptor) }
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        guard let self else {
          close(connection)
          return
        }
        self.serve(connection)
      }
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  private func serve(_ connection: Int32) {
    let number = connections.withLock { count in
      defer { count += 1 }
      return count
    }
    let dialogue = dialogues[min(number, dialogues.count - 1)]
    let peer = Peer(socket: connection, number: number) { [weak self] packet in
      self?.records.withLock { $0.append(Record(connection: number, packet: packet)) }
    }
    Thread.detachNewThread {
      try? dialogue(peer)
      peer.hangUp()
    }
  }

  var connectionCount: Int { connections.withLock { $0 } }
  var received: [Record] { records.withLock { $0 } }

  /// What the client published, in order, as `connection:topic:payload`.
  var publications: [Publication] {
    received.compactMap { record in
      guard var publication = Publication(record.packet) else { return nil }
      publication.connection = record.connection
      return publication
    }
  }

  func publications(on topic: String) -> [Publication] { publications.filter { $0.topic == topic } }
}

/// The broker's end of one connection.
struct Peer: Sendable {
  struct Gone: Error {}

  let socket: Int32
  let number: Int
  let record: @Sendable (Packet) -> Void

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Gone() }
      sent += count
    }
  }

  /// Waits for the next packet of the client.
  func receive() throws -> Packet {
    let header = try read(1)[0]
    var length = 0
    var shift = 0
    while true {
      let byte = try read(1)[0]
      length |= Int(byte & 0x7F) << shift
      shift += 7
      if byte & 0x80 == 0 { break }
    }
    let packet = Packet(header: header, body: try read(length))
    record(packet)
    return packet
  }

  private func read(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = bytes[filled...].withUnsafeMutableBytes { Glibc.recv(socket, $0.baseAddress, $0.count, 0) }
      guard got > 0 else { throw Gone() }
      filled += got
    }
    return bytes
  }

  /// Takes CONNECT and answers it.
  @discardableResult
  func accept(reason: UInt8 = 0, properties: [UInt8] = []) throws -> Packet {
    let connect = try receive()
    try send(Packet.connack(reason: reason, properties: properties))
    return connect
  }

  /// Answers everything as a good broker would, until the client goes.
  ///
  /// - Parameter acknowledge: the reason codes to acknowledge a QoS 1 publication with, one PUBACK each; empty: none.
  func serve(acknowledge: (Publication) throws -> [UInt8] = { _ in [0] }) throws {
    while true {
      let packet = try receive()
      switch packet.kind {
      case .publish:
        guard let publication = Publication(packet), let identifier = publication.identifier else { continue }
        for reason in try acknowledge(publication) { try send(Packet.puback(identifier, reason: reason)) }
      case .subscribe: try send(Packet.suback(packet.firstIdentifier, reason: 1))
      case .pingreq: try send([0xD0, 0])
      case .disconnect: return
      default: continue
      }
    }
  }

  /// Keeps the connection open and reads nothing, until the client goes or the time is over.
  func stare(seconds: Double) {
    var descriptor = pollfd(fd: socket, events: Int16(0x2000), revents: 0)  // POLLRDHUP
    _ = poll(&descriptor, 1, Int32(seconds * 1000))
  }

  func hangUp() { close(socket) }

  /// Closes with a reset instead of an orderly end.
  func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }
}

/// A control packet of MQTT 5 (OASIS MQTT 5.0, section 2).
struct Packet: Sendable {
  enum Kind: UInt8 {
    case connect = 1
    case connack, publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback, pingreq
    case pingresp, disconnect, auth
  }

  var header: UInt8
  var body: [UInt8]

  var kind: Kind? { Kind(rawValue: header >> 4) }

  var firstIdentifier: UInt16 { UInt16(body[0]) << 8 | UInt16(body[1]) }

  static func bytes(header: UInt8, _ body: [UInt8]) -> [UInt8] { [header] + length(body.count) + body }

  static func connack(reason: UInt8, properties: [UInt8] = []) -> [UInt8] {
    bytes(header: 0x20, [0, reason] + length(properties.count) + properties)
  }

  static func puback(_ identifier: UInt16, reason: UInt8) -> [UInt8] {
    bytes(header: 0x40, [UInt8(identifier >> 8), UInt8(identifier & 0xFF), reason, 0])
  }

  static func suback(_ identifier: UInt16, reason: UInt8) -> [UInt8] {
    bytes(header: 0x90, [UInt8(identifier >> 8), UInt8(identifier & 0xFF), 0, reason])
  }

  static func disconnect(reason: UInt8) -> [UInt8] { bytes(header: 0xE0, [reason, 0]) }

  static func publish(
    _ topic: String, _ payload: String, retain: Bool = false, responseTopic: String? = nil,
    correlation: String? = nil
  ) -> [UInt8] {
    var properties: [UInt8] = []
    if let responseTopic { properties += [0x08] + string(responseTopic) }
    if let correlation { properties += [0x09] + string(correlation) }
    let body = string(topic) + [0, 7] + length(properties.count) + properties + Array(payload.utf8)
    return bytes(header: 0x32 | (retain ? 1 : 0), body)
  }

  private static func string(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
  }

  private static func length(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = count
    repeat {
      bytes.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    return bytes
  }
}

/// Reads a packet's body from front to back.
struct PacketReader {
  private var rest: ArraySlice<UInt8>

  init(_ body: [UInt8]) { rest = body[...] }

  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }
  mutating func short() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }
  mutating func long() -> UInt32 { UInt32(short()) << 16 | UInt32(short()) }

  mutating func length() -> Int {
    var value = 0
    var shift = 0
    while true {
      let next = byte()
      value |= Int(next & 0x7F) << shift
      shift += 7
      if next & 0x80 == 0 { return value }
    }
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  mutating func data() -> [UInt8] {
    let count = short()
    return bytes(Int(count))
  }

  mutating func string() -> String { String(decoding: data(), as: UTF8.self) }

  mutating func remaining() -> [UInt8] {
    defer { rest = [] }
    return Array(rest)
  }

  /// The properties that these tests look at, by their number.
  mutating func properties() -> [UInt8: [UInt8]] {
    var reader = PacketReader(bytes(length()))
    var found: [UInt8: [UInt8]] = [:]
    while !reader.rest.isEmpty {
      let name = reader.byte()
      switch name {
      case 0x11, 0x27, 0x02: found[name] = reader.bytes(4)
      case 0x21, 0x22: found[name] = reader.bytes(2)
      case 0x08, 0x09: found[name] = reader.data()
      default: found[name] = reader.remaining()
      }
    }
    return found
  }
}

/// PUBLISH as the client sent it.
struct Publication: Sendable {
  var connection = 0
  var topic: String
  var payload: String
  var quality: UInt8
  var retain: Bool
  /// Nil for QoS 0.
  var identifier: UInt16?
  var properties: [UInt8: [UInt8]]

  init?(_ packet: Packet) {
    guard packet.kind == .publish else { return nil }
    var reader = PacketReader(packet.body)
    quality = packet.header >> 1 & 3
    retain = packet.header & 1 == 1
    topic = reader.string()
    identifier = quality > 0 ? reader.short() : nil
    properties = reader.properties()
    payload = String(decoding: reader.remaining(), as: UTF8.self)
  }
}

/// CONNECT as the client sent it.
struct Connect: Sendable {
  var version: UInt8
  var cleanStart: Bool
  var keepAlive: UInt16
  var properties: [UInt8: [UInt8]]
  var clientID: String
  var willTopic: String?
  var willPayload: String?
  var willQuality: UInt8
  var willRetain: Bool
  var user: String?
  var password: String?

  init?(_ packet: Packet) {
    guard packet.kind == .connect else { return nil }
    var reader = PacketReader(packet.body)
    guard reader.string() == "MQTT" else { return nil }
    version = reader.byte()
    let flags = reader.byte()
    cleanStart = flags & 0x02 != 0
    willQuality = flags >> 3 & 3
    willRetain = flags & 0x20 != 0
    keepAlive = reader.short()
    properties = reader.properties()
    clientID = reader.string()
    if flags & 0x04 != 0 {
      _ = reader.properties()
      willTopic = reader.string()
      willPayload = reader.string()
    }
    if flags & 0x80 != 0 { user = reader.string() }
    if flags & 0x40 != 0 { password = reader.string() }
  }
}

/// Ports on the loopback interface.
enum Loopback {
  struct Failure: Error {
    var call: String
    var code: Int32
  }

  /// Binds to a free port of 127.0.0.1 and tells which.
  static func bind(_ descriptor: Int32, port: Int = 0) throws -> Int {
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = in_port_t(port).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        Glibc.bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
      }
    }
    guard code == 0 else { throw Failure(call: "bind", code: errno) }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private static let given = Mutex<Set<Int>>([])

  /// A free port for another program, never given twice. It lies below the range from which the system hands out ports,
  /// so that no other test gets it while the program is down for a moment.
  static func freePort() throws -> Int {
    for _ in 0..<100 {
      let port = Int.random(in: 20_000..<32_000)
      guard given.withLock({ $0.insert(port).inserted }) else { continue }
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      if (try? bind(descriptor, port: port)) != nil { return port }
    }
    throw Failure(call: "bind", code: EADDRINUSE)
  }
}
