import Capture
import Foundation
public import Inspection
public import Logging
import Messaging
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

  private let configuration: StationConfiguration
  private let lines: [Line]
  private let session: MQTTSession
  let commands: CommandHandler
  private let monitor: StationMonitor
  private let birth: BirthMessage
  private let notifier: ServiceNotifier
  private let logger: Logger

  /// Of the two seconds a stop may take: for the frames in hand, and then for the broker.
  private static let threadPatience = 0.9
  private static let brokerPatience = Duration.milliseconds(500)

  /// Reads the recipes' versions; opens no camera and no connection yet.
  ///
  /// - Parameters:
  ///   - engine: with the model the configuration names.
  /// - Throws: `ConfigurationError` where the password cannot be read or the broker's settings cannot work.
  public convenience init(
    _ configuration: StationConfiguration, engine: InspectionEngine,
    notifier: ServiceNotifier, logger: Logger
  ) throws(ConfigurationError) {
    try self.init(
      configuration, engine: engine, notifier: notifier, logger: logger,
      timing: StationTiming()
    ) { line throws(CaptureError) in
      switch line.source {
      case .camera(let options): try V4L2Camera(name: line.name, options: options)
      case .replay(let options): try ReplaySource(name: line.name, options: options)
      }
    }
  }

  init(
    _ configuration: StationConfiguration, engine: InspectionEngine,
    notifier: ServiceNotifier, logger: Logger, timing: StationTiming, outbox: (any Outbox)? = nil,
    makeSource: @escaping @Sendable (LineConfiguration) throws(CaptureError) -> any FrameSource
  ) throws(ConfigurationError) {
    self.configuration = configuration
    self.notifier = notifier
    self.logger = logger
    let session = try MQTTSession(configuration, outbox: outbox, logger: logger)
    self.session = session
    birth = BirthMessage(
      version: Self.version, bootID: UUID().uuidString.lowercased(), startedUTC: .now,
      configHash: configuration.hash, modelHash: engine.encoder.modelHash,
      instructionSet: engine.instructionSet,
      lines: configuration.lines.map(\.name))
    let bootID = birth.bootID
    let slots = Dictionary(
      uniqueKeysWithValues: Set(configuration.lines.map(\.recipe)).compactMap { name in
        configuration.recipes[name].map {
          (name, RecipeSlot($0, state: RecipeState.load($0, paths: configuration.paths, engine: engine)))
        }
      })
    let priority = ForegroundPriority()
    let identifiers = ULIDGenerator()
    lines = configuration.lines.compactMap { line in
      slots[line.recipe].map { slot in
        Line(
          line, recipe: slot,
          reporter: LineReporter(
            line, bootID: bootID, modelHash: engine.encoder.modelHash, session: session,
            identifiers: identifiers,
            logger: logger), priority: priority, logger: logger
        ) { () throws(CaptureError) in try makeSource(line) }
      }
    }
    commands = CommandHandler(
      lines: lines, paths: configuration.paths, session: session, engine: engine,
      priority: priority, patience: timing.enrolment, logger: logger)
    monitor = StationMonitor(
      lines: lines, session: session, bootID: bootID, notifier: notifier, timing: timing, logger: logger)
  }

  /// What became of each line's frames so far.
  public var counts: [String: FrameCounts] {
    Dictionary(uniqueKeysWithValues: lines.map { ($0.name, $0.counts) })
  }

  /// Messages that wait for the broker.
  var outbox: any Outbox { session.outbox }

  public func run() async throws {
    logger.notice(
      "assayd \(Self.version) starts.",
      metadata: [
        "station": "\(configuration.station)", "lines": "\(lines.map(\.name).joined(separator: ","))",
        "config": "\(configuration.hash.prefix(12))", "boot_id": "\(birth.bootID)",
      ])
    do {
      try session.retain(birth)
    } catch {
      logger.error("The birth message could not be written.", metadata: ["error": "\(error)"])
    }
    session.start()
    for line in lines { line.start() }

    await withTaskGroup { group in
      group.addTask { [monitor] in await monitor.run() }
      group.addTask { [commands, session] in
        for await command in session.commands { commands.receive(command) }
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
    for line in lines { line.beginStop() }
    let lines = lines
    // The waiting blocks, so it must not take one of the few threads that tasks and queues share.
    let late = await withCheckedContinuation { continuation in
      _ = WorkerThread(name: "stop") { [commands] in
        let late = lines.filter { !$0.finishStop(by: deadline) }.map(\.name)
        commands.finishStop(by: deadline)
        continuation.resume(returning: late)
      }
    }
    for name in late {
      logger.warning(
        "The line did not stop in time; its threads are left behind.", metadata: ["line": "\(name)"])
    }
    monitor.publishLast()
    let report = await session.stop(within: Self.brokerPatience)
    for line in lines {
      let counts = line.counts
      logger.notice(
        "The line stopped.",
        metadata: [
          "line": "\(line.name)", "captured": "\(counts.captured)", "judged": "\(counts.judged)",
          "replaced": "\(counts.replaced)", "rejected": "\(counts.rejectedTotal)",
        ])
    }
    logger.notice(
      "The station has stopped.",
      metadata: ["said_stopped": "\(report.saidStopped)", "unacknowledged": "\(report.unacknowledged)"])
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
  var readiness = 5.0
}
