import Foundation
import Logging
import Messaging

extension MQTTSession {
  /// The session a station's configuration describes, not started.
  convenience init(_ configuration: StationConfiguration, logger: Logger) throws(ConfigurationError) {
    let broker = configuration.broker
    let settings = MQTTConfiguration(
      host: broker.host, port: broker.port, clientID: broker.clientID, user: broker.user,
      password: try broker.passwordFile.map(Self.password),
      tls: broker.tls.map {
        MQTTConfiguration.TLS(certificateAuthority: $0.authorities, certificate: $0.certificate, key: $0.key)
      }, keepAlive: broker.keepAliveSeconds)
    do {
      try self.init(
        settings, topics: configuration.topics, outbox: MemoryOutbox(limits: configuration.outbox),
        logger: logger)
    } catch {
      throw ConfigurationError(problems: [
        .init(file: configuration.paths.stationFile.path, message: "`broker`: \(error.description)")
      ])
    }
  }

  /// The first line of a file.
  private static func password(in file: URL) throws(ConfigurationError) -> String {
    let data: Data
    do {
      data = try Data(contentsOf: file)
    } catch {
      throw ConfigurationError(problems: [
        .init(file: file.path, message: "cannot be read: \(YAMLDocument.readableReason(error)).")
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
