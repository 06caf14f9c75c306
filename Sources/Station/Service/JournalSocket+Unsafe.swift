import Glibc

/// The journal's own protocol (systemd.io, "Native Journal Protocol"): one datagram an entry, one field a line.
///
/// Unsafe: the C structure of the socket's address.
struct JournalSocket: Sendable {
  static let standard = "/run/systemd/journal/socket"

  private let descriptor: Int32
  private let path: [UInt8]

  /// - Returns: nil where no socket can be had; the process keeps this one to its end.
  init?(path: String = Self.standard) {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.path = Array(path.utf8)
    guard descriptor >= 0, self.path.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
      return nil
    }
    // A journal that does not read must not hold up a line.
    var patience = timeval(tv_sec: 0, tv_usec: 100_000)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  /// - Returns: whether the journal took the entry.
  func send(_ entry: [UInt8]) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        sendto(
          descriptor, entry, entry.count, Int32(MSG_NOSIGNAL), pointer,
          socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    } == entry.count
  }

  /// An entry's bytes. A value with a line end in it is written with its length before it.
  static func entry(_ fields: [(name: String, value: String)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, value) in fields {
      let value = Array(value.utf8)
      bytes += Array(name.utf8)
      if value.contains(UInt8(ascii: "\n")) {
        bytes.append(UInt8(ascii: "\n"))
        withUnsafeBytes(of: UInt64(value.count).littleEndian) { bytes += Array($0) }
      } else {
        bytes.append(UInt8(ascii: "="))
      }
      bytes += value
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  /// A field's name as the journal wants it: `ASSAYD_` and capital letters, digits and underscores.
  static func fieldName(_ name: String) -> String {
    "ASSAYD_"
      + String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }.prefix(57))
  }
}
