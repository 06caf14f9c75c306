import Foundation
import Logging
import Messaging

extension MQTTSession {
  /// The session a station's configuration describes, not started.
  convenience init(_ configuration: StationConfiguration, logger: Logger) throws(ConfigurationError) {
    let settings = try MQTTConfiguration(configuration.broker)
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
}
