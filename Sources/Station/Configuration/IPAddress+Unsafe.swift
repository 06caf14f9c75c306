import Glibc

/// What the text of an internet address says, without asking the name service.
enum IPAddress {
  static func isOne(_ text: String) -> Bool { bytes(text) != nil }

  /// Whether only this machine can reach it: 127.0.0.0/8 or ::1.
  static func isLoopback(_ text: String) -> Bool {
    guard let bytes = bytes(text) else { return false }
    return bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
  }

  /// In network order: four or sixteen; nil where the text is no address.
  private static func bytes(_ text: String) -> [UInt8]? {
    for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: length)
      if inet_pton(family, text, &bytes) == 1 { return bytes }
    }
    return nil
  }
}
