import Capture
import Foundation
public import Inspection
public import Logging
public import Messaging
public import ServiceLifecycle
import Synchronization
import Transformer

/// A running station: its lines, its connection to the broker and the loop that watches over them.
///
/// `run()` returns after a graceful shutdown, at most two seconds later, with every captured frame accounted for and
/// the word `stopped` at the broker where that can be reached.
public final class Station: Service {
  /// Of the program, as in the birth message.
  public static let version = "0.1.0"

  let roster: Roster
  private let session: MQTTSession
  let evidence: EvidenceStore
  let commands: CommandHandler
  let reloader: Reloader
  private let monitor: StationMonitor
  private let birth: BirthMessage
  private let notifier: ServiceNotifier
  private let paths: StationPaths
  private let logger: Logger

  /// Of the two seconds a stop may take: for the frames in hand, and then for the broker.
  private static let threadPatience = 0.9
  private static let brokerPatience = Duration.milliseconds(500)

  /// Reads the recipes' versions; opens no camera and no connection yet.
  ///
  /// - Parameters:
  ///   - paths: where the configuration is read again from when it is reloaded.
  ///   - refusal: why the configuration is a kept one and not that of the files; nil where it is theirs.
  ///   - engine: with the model the configuration names.
  /// - Throws: `ConfigurationError` where the password cannot be read or the broker's settings cannot work.
  public convenience init(
    _ configuration: StationConfiguration, paths: StationPaths, refusal: ConfigurationError? = nil,
    engine: InspectionEngine, notifier: ServiceNotifier, logger: Logger
  ) throws(ConfigurationError) {
    try self.init(
      configuration, paths: paths, refusal: refusal, engine: engine, notifier: notifier, logger: logger,
      timing: StationTiming()
    ) { line throws(CaptureError) in
      switch line.source {
      case .camera(let options): try V4L2Camera(name: line.name, options: options)
      case .replay(let options): try ReplaySource(name: line.name, options: options)
      }
    }
  }

  init(
    _ configuration: StationConfiguration, paths: StationPaths, refusal: ConfigurationError? = nil,
    engine: InspectionEngine, notifier: ServiceNotifier, logger: Logger, timing: StationTiming,
    outbox: (any Outbox)? = nil,
    makeSource: @escaping @Sendable (LineConfiguration) throws(CaptureError) -> any FrameSource
  ) throws(ConfigurationError) {
    let configuration = Changeovers(contentsOf: paths.changeovers).applied(to: configuration)
    self.paths = paths
    self.notifier = notifier
    self.logger = logger
    let session = try MQTTSession(configuration, outbox: outbox, logger: logger)
    self.session = session
    birth = BirthMessage(
      version: Self.version, bootID: UUID().uuidString.lowercased(), startedUTC: .now,
      configHash: configuration.hash, modelHash: engine.encoder.modelHash,
      instructionSet: engine.instructionSet,
      lines: configuration.lines.map(\.name))
    let slots = Dictionary(
      uniqueKeysWithValues: Set(configuration.lines.map(\.recipe)).compactMap { name in
        configuration.recipes[name].map {
          (name, RecipeSlot($0, state: RecipeState.load($0, paths: paths, engine: engine)))
        }
      })
    let priority = ForegroundPriority()
    let readiness = Readiness()
    roster = Roster(configuration)
    evidence = EvidenceStore(paths.evidence, configuration: configuration.evidence, logger: logger)
    let factory = LineFactory(
      roster: roster, session: session, evidence: evidence, engine: engine, priority: priority,
      bootID: birth.bootID, logger: logger, makeSource: makeSource)
    let lines = configuration.lines.compactMap { line in
      slots[line.recipe].map { factory.line(Line.Setup(configuration: line, recipe: $0)) }
    }
    roster.exchange(for: Roster.State(configuration: configuration, lines: lines, slots: slots))
    reloader = Reloader(
      paths: paths, factory: factory, birth: birth, refusal: refusal, readiness: readiness,
      notifier: notifier, logger: logger)
    commands = CommandHandler(
      roster: roster, reloader: reloader, paths: paths, session: session, engine: engine,
      priority: priority, patience: timing.enrolment, logger: logger)
    monitor = StationMonitor(
      roster: roster, reloader: reloader, session: session, evidence: evidence, engine: engine,
      birth: birth, readiness: readiness, notifier: notifier, timing: timing, logger: logger)
  }

  /// What became of each line's frames so far.
  public var counts: [String: FrameCounts] {
    Dictionary(uniqueKeysWithValues: roster.lines.map { ($0.name, $0.counts) })
  }

  /// How the station is now.
  public var status: StationStatusMessage { monitor.status }

  /// Messages that wait for the broker.
  var outbox: any Outbox { session.outbox }

  /// Reads the configuration's files again and takes them into use, whole or not at all; the log says what came of it.
  /// To be called on SIGHUP.
  public func reload() async { _ = await reloader.reload(.signal) }

  public func run() async throws {
    let configuration = roster.configuration
    logger.notice(
      "assayd \(Self.version) starts.",
      metadata: [
        "station": "\(configuration.station)",
        "lines": "\(configuration.lines.map(\.name).joined(separator: ","))",
        "config": "\(configuration.hash.prefix(12))", "boot_id": "\(birth.bootID)",
      ])
    reloader.announce()
    reloader.keepConfiguration()
    session.start()
    evidence.start()
    session.closeAlerts(except: configuration.lines.map(\.name), bootID: birth.bootID)
    for line in roster.lines { line.start() }

    await withTaskGroup { group in
      group.addTask { [monitor] in await monitor.run() }
      group.addTask { [commands, session] in
        for await command in session.commands { commands.receive(command) }
      }
      if configuration.reloadsOnChange {
        group.addTask { [paths, reloader, logger] in
          let changes = ConfigurationWatcher.changes(of: paths, logger: logger) {
            reloader.configurationState.isWanting
          }
          for await _ in changes {
            _ = await reloader.reload(.fileChange)
          }
        }
      }
      // Returns at the shutdown's beginning, throws when this task is cancelled; both mean: stop.
      try? await gracefulShutdown()
      notifier.stopping()
      logger.notice("The station stops.")
      await stop()
      group.cancelAll()
    }
  }

  private func stop() async {
    let deadline = MonotonicInstant.now.advanced(seconds: Self.threadPatience)
    commands.beginStop()
    // The waiting blocks, so it must not take one of the few threads that tasks and queues share.
    let (lines, late) = await withCheckedContinuation { continuation in
      _ = WorkerThread(name: "stop") { [commands, evidence, reloader, roster] in
        reloader.stop()
        let lines = roster.lines
        for line in lines { line.beginStop() }
        let late = lines.filter { !$0.finishStop(by: deadline) }.map(\.name)
        evidence.beginStop()
        commands.finishStop(by: deadline)
        _ = evidence.finishStop(by: deadline)
        continuation.resume(returning: (lines, late))
      }
    }
    for name in late {
      logger.warning(
        "The line did not stop in time; its threads are left behind.", metadata: ["line": "\(name)"])
    }
    monitor.publishLast()
    let report = await session.stop(within: Self.brokerPatience)
    for line in lines { logger.notice("The line stopped.", metadata: line.summary) }
    logger.notice(
      "The station has stopped.",
      metadata: ["said_stopped": "\(report.saidStopped)", "unacknowledged": "\(report.unacknowledged)"])
  }
}

extension Line {
  /// Its accounts, for the log.
  var summary: Logger.Metadata {
    let counts = counts
    return [
      "line": "\(name)", "captured": "\(counts.captured)", "judged": "\(counts.judged)",
      "replaced": "\(counts.replaced)", "rejected": "\(counts.rejectedTotal)",
      "results": "\(record.reporter.totals.verdicts.total)",
    ]
  }
}

/// The periods of a station; tests shorten them.
struct StationTiming: Sendable {
  /// Between two looks at the lines.
  var tick = Duration.milliseconds(200)
  /// A line's status is published at least so often.
  var status = 10.0
  /// Between two statistics of a line.
  var statistics = 60.0
  /// For the pictures of an enrolment to come.
  var enrolment = Duration.seconds(600)
  /// After which readiness is told although no line has shown itself.
  var readiness = 20.0
}
