import ArgumentParser
import Foundation
import Logging
import Messaging
import Station

/// Which broker, and which station behind it: the same options in every command that talks to a running station.
///
/// `--root` takes both from the station's configuration; the other options go before it.
struct BrokerOptions: ParsableArguments {
  @OptionGroup var station: StationOptions

  @Option(
    help: ArgumentHelp(
      "The broker; by default that of the configuration in --root, else localhost.",
      valueName: "host[:port]"))
  var broker: String?

  @Option(
    help: ArgumentHelp(
      "The topic that the station's topics lie under; by default that of the configuration in --root, else "
        + "assayd/<this computer's name>.", valueName: "topic"))
  var rootTopic: String?

  @Option(help: "User at the broker.")
  var user: String?

  @Option(
    help: ArgumentHelp("File whose first line is the user's password.", valueName: "file"),
    completion: .file())
  var passwordFile: String?

  @Option(
    help: ArgumentHelp(
      "Certificates to trust, PEM; the connection is then encrypted, by default at port 8883.",
      valueName: "file"),
    completion: .file())
  var caFile: String?

  /// For the first connection, with all of the broker's consents.
  private static let patience = Duration.seconds(5)

  func validate() throws {
    if let broker { _ = try Self.parse(broker) }
    if passwordFile != nil, user == nil, station.root == nil {
      throw ValidationError("--password-file needs --user.")
    }
  }

  /// Connects and listens.
  ///
  /// - Parameters:
  ///   - asks: whether commands will be sent.
  ///   - filters: what to listen to, below the station's root topic.
  /// - Throws: `Failure` where the options cannot work or the broker does not answer.
  func observe(
    asks: Bool = false, _ filters: (TopicTree) -> [String]
  ) async throws -> (observer: MQTTObserver, topics: TopicTree) {
    let (settings, topics) = try target()
    var logger = Logger(label: "assayctl") { _ in
      StationLogHandler(environment: ProcessInfo.processInfo.environment)
    }
    logger.logLevel = .warning
    let observer: MQTTObserver
    do {
      observer = try MQTTObserver(
        settings, filters: filters(topics),
        answerTopic: asks ? topics.answers(to: settings.clientID) : nil, logger: logger)
    } catch {
      throw Failure(description: error.description, status: EX_USAGE)
    }
    do {
      try await observer.listen(within: Self.patience)
    } catch {
      // The log has said what is in the way.
      throw Failure.unavailable(
        "No connection to the broker at \(settings.host) port \(settings.port) came about within \(Self.patience)."
      )
    }
    return (observer, topics)
  }

  private func target() throws -> (MQTTConfiguration, TopicTree) {
    var broker = BrokerConfiguration(host: "localhost", port: 1883, clientID: "")
    var topics = TopicTree.standard
    if station.root != nil {
      let configuration = try station.configuration()
      (broker, topics) = (configuration.broker, configuration.topics)
    }
    if let caFile {
      broker.tls = TLSConfiguration(authorities: URL(filePath: caFile))
      broker.port = 8883
    }
    if let address = self.broker {
      let (host, port) = try Self.parse(address)
      broker.host = host
      broker.port = port ?? (broker.tls == nil ? 1883 : 8883)
    }
    if let user { broker.user = user }
    if let passwordFile { broker.passwordFile = URL(filePath: passwordFile) }
    broker.clientID = "assayctl-" + String(UInt64.random(in: .min ... .max), radix: 36)
    do {
      if let rootTopic { topics = try TopicTree(root: rootTopic) }
      var settings = try MQTTConfiguration(broker)
      // The longest message that a station sends.
      settings.maximumCommandBytes = settings.maximumMessageBytes
      settings.connectTimeout = Self.patience - .seconds(1)
      return (settings, topics)
    } catch let mistake as TopicTree.Mistake {
      throw Failure(description: mistake.description, status: EX_USAGE)
    } catch let error as ConfigurationError {
      throw Failure(description: error.description, status: EX_CONFIG)
    }
  }

  /// `host`, `host:port`, `[address]:port`, or an IPv6 address alone.
  static func parse(_ address: String) throws -> (host: String, port: Int?) {
    let pattern = /(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:\[\]]+))(?::(?<port>\d{1,5}))?/
    guard let match = address.wholeMatch(of: pattern) else {
      if address.wholeMatch(of: /[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F.:]*(?:%\w+)?/) != nil {
        return (address, nil)
      }
      throw ValidationError("--broker is \"\(address)\"; expected HOST, HOST:PORT or [ADDRESS]:PORT.")
    }
    let port = match.port.flatMap { Int($0) }
    if let port, !(1...65535).contains(port) {
      throw ValidationError("The port in --broker is \(port); allowed are 1 to 65535.")
    }
    return (String(match.bracketed ?? match.plain ?? ""), port)
  }
}
