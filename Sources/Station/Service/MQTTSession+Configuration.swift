import Foundation
import Logging
import Messaging

extension MQTTSession {
  /// The session a station's configuration describes, not started.
  ///
  /// - Parameter outbox: instead of the spool in the station's files.
  convenience init(
    _ configuration: StationConfiguration, outbox: (any Outbox)?, logger: Logger
  ) throws(ConfigurationError) {
    let settings = try MQTTConfiguration(configuration.broker)
    do {
      try self.init(
        settings, topics: configuration.topics,
        outbox: outbox
          ?? Spool(file: configuration.paths.spool, limits: configuration.outbox, logger: logger),
        logger: logger)
    } catch {
      throw ConfigurationError(problems: [
        .init(file: configuration.paths.stationFile.path, message: "`broker`: \(error.description)")
      ])
    }
  }
}
