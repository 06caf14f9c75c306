import Crypto

extension SHA256Digest {
  /// The digest as sha256sum prints it.
  var hexadecimal: String {
    map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
