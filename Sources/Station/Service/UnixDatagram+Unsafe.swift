import Glibc

/// Where one of the system's services receives datagrams: a path, or `@name` in the abstract name space.
struct UnixDatagram: Sendable {
  let address: String

  /// Sends one datagram through a socket of its own, so that a service that was started anew is found again.
  ///
  /// Waits at most a second: the receiver's queue may be full while it is busy, and what is sent here is never worth a
  /// stuck station.
  /// - Returns: whether the receiver has it.
  func send(_ bytes: [UInt8]) -> Bool {
    var socketAddress = sockaddr_un()
    socketAddress.sun_family = sa_family_t(AF_UNIX)
    var name = Array(address.utf8)
    // A path needs its closing NUL within the field; an abstract name is as long as the length says.
    guard !name.isEmpty, name.count < MemoryLayout.size(ofValue: socketAddress.sun_path) else { return false }
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: name) }
    let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + name.count } ?? 0

    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var patience = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    return withUnsafePointer(to: &socketAddress) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, socklen_t(length))
      }
    } == bytes.count
  }
}
