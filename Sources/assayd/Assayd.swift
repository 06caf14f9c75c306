import ArgumentParser
import Compute
import Console
import Foundation
import Inspection
import Logging
import Messaging
import ServiceLifecycle
import Station
import Transformer
import UnixSignals

/// The daemon.
@main
struct Assayd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assayd",
    abstract: "Watches production lines through cameras and tells what it finds over MQTT.",
    discussion: """
      The configuration is read from ROOT/etc/assayd, what is learned and stored lies in ROOT/var/lib/assayd.
      SIGHUP has it read its configuration again and go over to it without stopping; a wrong one is refused.
      SIGTERM and SIGINT stop the station within two seconds; a second one ends it at once.

      Exit status:
        0   stopped as asked, or nothing to say against the configuration
        64  the command line is wrong
        65  the model file is damaged or of a kind this program does not run
        66  there is no configuration
        70  the program failed
        78  the configuration is wrong; every mistake is on standard error
      """,
    version: Station.version)

  @Option(help: "The folder that holds etc/assayd and var/lib/assayd.", completion: .directory)
  var root = "/"

  @Flag(help: "Check configuration, model and recipes, say what is wrong, and end.")
  var check = false

  func run() async throws {
    HeapKeeper.begin()
    // A log nobody reads any more is no reason to end.
    signal(SIGPIPE, SIG_IGN)
    // A reload asked for before anybody listens must not end the program; the files are about to be read anyhow.
    if !check { signal(SIGHUP, SIG_IGN) }
    let environment = ProcessInfo.processInfo.environment
    LoggingSystem.bootstrap { _ in StationLogHandler(environment: environment) }
    let logger = Logger(label: "assayd")
    do {
      let paths = StationPaths(root: URL(filePath: root, directoryHint: .isDirectory))
      let (configuration, refusal) =
        check
        ? (try StationConfiguration.load(paths: paths), nil)
        : try StationConfiguration.loadForStart(paths: paths)
      for problem in refusal?.problems ?? [] {
        logger.critical("The last good configuration is used, because the present one is broken: \(problem)")
      }
      let engine = try InspectionEngine(
        modelFile: configuration.model, threads: configuration.computeThreads)
      if check { return try report(configuration, engine) }

      let notifier = ServiceNotifier(environment: environment, processID: getpid())
      let station = try Station(
        configuration, paths: paths, refusal: refusal, engine: engine, notifier: notifier, logger: logger)
      let impatience = ForcedStop(signals: [SIGTERM, SIGINT])
      defer { impatience.cancel() }
      var services: [any Service] = [station, ReloadSignal(station: station), HeapKeeper()]
      if let console = configuration.console {
        services.append(ConsoleService(console, logger: logger) { station.status })
      }
      try await ServiceGroup(
        services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
      ).run()
    } catch let error as ConfigurationError {
      for problem in error.problems { logger.critical("\(problem)") }
      throw ExitCode(error.isMissing ? EX_NOINPUT : EX_CONFIG)
    } catch let error as ModelFileError {
      logger.critical("\(error)")
      throw ExitCode(EX_DATAERR)
    } catch let error as QuantisedTowerError {
      logger.critical("\(error)")
      throw ExitCode(EX_DATAERR)
    } catch let error as KernelPathError {
      logger.critical("\(error)")
      throw ExitCode(EX_CONFIG)
    } catch let exit as ExitCode {
      throw exit
    } catch {
      logger.critical("The station failed: \(error)")
      throw ExitCode(EX_SOFTWARE)
    }
  }

  /// Says how each line would run.
  private func report(_ configuration: StationConfiguration, _ engine: InspectionEngine) throws {
    let lines = configuration.checkLines(engine: engine)
    for line in lines { print(line) }
    if lines.contains(where: \.isRefused) { throw ExitCode(EX_CONFIG) }
    let count = configuration.lines.count
    print(
      "The configuration is correct: \(count) line\(count == 1 ? "" : "s"), hash \(configuration.hash.prefix(12))."
    )
  }
}
