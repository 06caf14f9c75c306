import Glibc

/// The few questions to the system's network code that libmosquitto does not answer.
///
/// Unsafe: C strings, out-parameters and a linked list from `getaddrinfo`, all released before returning.
enum Network {
  /// Internet protocol 4 or 6.
  enum Family { case four, six }

  /// The families in which a host has addresses, in the system's order of preference.
  ///
  /// libmosquitto's connect that does not block takes the first address only; "localhost" often is `::1` first,
  /// where a broker bound to 127.0.0.1 does not listen. So the caller tries one family after the other.
  static func families(of host: String, port: Int) throws(MQTTFault) -> [Family] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else {
      let detail = code == EAI_SYSTEM ? text(ofError: errno) : String(cString: gai_strerror(code))
      throw .nameNotResolved(host: host, detail: detail)
    }
    defer { freeaddrinfo(list) }
    var families: [Family] = []
    var entry = list
    while let address = entry {
      let family: Family? =
        switch address.pointee.ai_family {
        case AF_INET: .four
        case AF_INET6: .six
        default: nil
        }
      if let family, !families.contains(family) { families.append(family) }
      entry = address.pointee.ai_next
    }
    guard !families.isEmpty else {
      throw .nameNotResolved(host: host, detail: "it has no internet address")
    }
    return families
  }

  /// The pending error of a socket, 0 for none: the outcome of a connect that did not block.
  static func pendingError(of socket: Int32) -> Int32 {
    var error: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno
  }

  static func text(ofError code: Int32) -> String { String(cString: strerror(code)) }

  /// This computer's name, without asking the name service.
  static var hostName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return name.isEmpty ? "localhost" : name
  }
}
