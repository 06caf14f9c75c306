import Foundation
import Imaging
public import Messaging

extension MQTTConfiguration {
  /// - Parameter broker: its password file is read now.
  /// - Throws: `ConfigurationError` where that file cannot be read or holds no password.
  public init(_ broker: BrokerConfiguration) throws(ConfigurationError) {
    self.init(
      host: broker.host, port: broker.port, clientID: broker.clientID, user: broker.user,
      password: try broker.passwordFile.map(Self.password),
      tls: broker.tls.map {
        TLS(certificateAuthority: $0.authorities, certificate: $0.certificate, key: $0.key)
      }, keepAlive: broker.keepAliveSeconds)
  }

  /// The first line of a file.
  private static func password(in file: URL) throws(ConfigurationError) -> String {
    let data: Data
    do {
      data = try Data(contentsOf: file)
    } catch {
      throw ConfigurationError(problems: [
        .init(file: file.path, message: "cannot be read: \(systemReason(error)).")
      ])
    }
    let line = data.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty, line.count <= 4096, let password = String(validating: line, as: UTF8.self) else {
      throw ConfigurationError(problems: [
        .init(
          file: file.path, line: 1,
          message: "is to hold the password: 1 to 4096 bytes of text, then a line end.")
      ])
    }
    return password
  }
}
