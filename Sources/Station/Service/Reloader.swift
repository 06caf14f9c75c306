import Capture
import Dispatch
import Foundation
import Inspection
import Logging
import Messaging
import Synchronization

/// Takes a changed configuration into use while the lines run: whole, or not at all.
///
/// One change after the other: files, signals and commands may all ask at once.
final class Reloader: Sendable {
  /// Who asked.
  enum Cause: String {
    case signal = "SIGHUP"
    case fileChange = "file change"
    case command = "command"
  }

  enum Outcome {
    /// What changed, a few words each; empty where nothing had to.
    case done([String])
    case refused(ConfigurationError)
  }

  /// How the configuration is, for whoever asks the station.
  struct ConfigurationState {
    struct Refusal {
      var timeUTC: UTCTimestamp
      var cause: String
      var problems: [ConfigurationProblem]
      /// Whether the files are in order by themselves, and only do not go with what the station is or has learned.
      var isOfChange = false
    }

    /// When the configuration in use was taken into use.
    var sinceUTC = UTCTimestamp.now
    /// Whether it is a kept one, because the files were wrong at the start.
    var isLastGood = false
    /// Why the files, as they are now, are not in use; nil where they are.
    var refusal: Refusal?
    /// Whether it is worth while to read the same files again: they may name something that is not there yet.
    var isWanting: Bool { refusal.map { !$0.isOfChange } ?? false }
    /// Since the start, refused ones too.
    var reloads: UInt64 = 0
    var refusals: UInt64 = 0
  }

  private let paths: StationPaths
  private let factory: LineFactory
  private let readiness: Readiness
  private let notifier: ServiceNotifier
  private let birth: Mutex<BirthMessage>
  private let state: Mutex<ConfigurationState>
  private let isStopping = Atomic<Bool>(false)
  private let queue = DispatchQueue(label: "reload")
  private let logger: Logger

  private var roster: Roster { factory.roster }
  private var session: MQTTSession { factory.session }

  /// For the threads of a line that is taken away.
  private static let threadPatience = 2.0

  /// - Parameter refusal: why the files are not in use, where they were wrong at the start.
  init(
    paths: StationPaths, factory: LineFactory, birth: BirthMessage, refusal: ConfigurationError?,
    readiness: Readiness, notifier: ServiceNotifier, logger: Logger
  ) {
    self.paths = paths
    self.factory = factory
    self.birth = Mutex(birth)
    self.readiness = readiness
    self.notifier = notifier
    self.logger = logger
    var state = ConfigurationState()
    if let refusal {
      state.isLastGood = true
      state.refusal = .init(timeUTC: .now, cause: "start", problems: refusal.problems)
    }
    self.state = Mutex(state)
  }

  var configurationState: ConfigurationState { state.withLock { $0 } }

  /// Publishes what runs here.
  func announce() {
    let configuration = roster.configuration
    let message = birth.withLock { birth in
      birth.configHash = configuration.hash
      birth.lines = configuration.lines.map(\.name)
      return birth
    }
    do {
      try session.retain(message)
    } catch {
      logger.error("The birth message could not be written.", metadata: ["error": "\(error)"])
    }
  }

  /// Keeps the configuration in use for a start at which the files are broken.
  func keepConfiguration() {
    if state.withLock({ $0.isLastGood }) { return }
    do {
      try ConfigurationArchive(paths: paths).keep(roster.configuration)
    } catch {
      logger.warning(
        "The configuration could not be kept for a start with broken files.", metadata: ["error": "\(error)"])
    }
  }

  /// Ends the changing: a change that is being prepared is given up.
  func stop() {
    isStopping.store(true, ordering: .relaxed)
    queue.sync {}
  }

  // MARK: changes

  /// Reads the files and takes them into use.
  func reload(_ cause: Cause) async -> Outcome {
    await inTurn { [self] in
      // The manager is not bothered with files that were only looked at.
      let tellsManager = cause != .fileChange && readiness.isReady
      if tellsManager { notifier.reloading() }
      defer { if tellsManager { notifier.ready() } }
      var isRead = false
      do throws(ConfigurationError) {
        let files = try StationConfiguration.load(paths: paths)
        isRead = true
        let configuration = Changeovers(contentsOf: paths.changeovers).applied(to: files)
        let summary = try change(to: configuration)
        let isNews = state.withLock { state in
          let isNews = state.refusal != nil || !summary.isEmpty || cause != .fileChange
          if isNews {
            state.reloads += 1
            state.sinceUTC = .now
          }
          state.refusal = nil
          state.isLastGood = false
          return isNews
        }
        keepConfiguration()
        if isNews {
          logger.notice(
            "The configuration was reloaded.",
            metadata: [
              "cause": "\(cause.rawValue)", "config": "\(configuration.hash.prefix(12))",
              "changes": "\(summary.isEmpty ? "none" : summary.joined(separator: "; "))",
            ])
        }
        return .done(summary)
      } catch {
        let isNews = state.withLock { state in
          // Somebody looked again at what was refused before: nothing new.
          if cause == .fileChange, state.refusal?.problems == error.problems { return false }
          state.reloads += 1
          state.refusals += 1
          state.refusal = .init(
            timeUTC: .now, cause: cause.rawValue, problems: error.problems, isOfChange: isRead)
          return true
        }
        for problem in error.problems where isNews {
          logger.error(
            "The changed configuration is refused, the old one goes on: \(problem)",
            metadata: [
              "cause": "\(cause.rawValue)", "file": "\(problem.file)", "at_line": "\(problem.line ?? 0)",
            ])
        }
        return .refused(error)
      }
    }
  }

  /// Has a line go over to another recipe of the configuration, and remembers it.
  func changeRecipe(of line: String, to recipe: String) async -> Outcome {
    await inTurn { [self] in
      do throws(ConfigurationError) {
        var configuration = roster.configuration
        guard let index = configuration.lines.firstIndex(where: { $0.name == line }) else { return .done([]) }
        let former = configuration.lines[index].recipe
        configuration.lines[index].recipe = recipe
        let summary = try change(to: configuration)
        remember(recipe, of: line, after: former)
        return .done(summary)
      } catch {
        return .refused(error)
      }
    }
  }

  private func remember(_ recipe: String, of line: String, after former: String) {
    var changeovers = Changeovers(contentsOf: paths.changeovers)
    // What the files say, or, while they are wrong, what they said when they were last in use. What runs is no witness:
    // it may owe its recipe to an earlier changeover.
    let files = try? StationConfiguration.loadForStart(paths: paths).configuration
    let configured = files?.lines.first { $0.name == line }?.recipe ?? former
    changeovers.change(line, configured: configured, to: recipe)
    do {
      try changeovers.write(to: paths.changeovers)
    } catch {
      logger.error(
        "The changeover holds until the station is started anew: it could not be written down.",
        metadata: ["line": "\(line)", "recipe": "\(recipe)", "error": "\(error)"])
    }
  }

  private func change(to configuration: StationConfiguration) throws(ConfigurationError) -> [String] {
    let plan = try ReloadPlan(
      from: roster.current, to: configuration, engine: factory.engine,
      polite: factory.engine.polite(factory.priority), isStillWanted: { !isStopping.load(ordering: .relaxed) }
    )
    if isStopping.load(ordering: .relaxed) { return [] }
    carryOut(plan)
    return plan.summary
  }

  private func carryOut(_ plan: ReloadPlan) {
    // First the lines that go, for a new one may want their camera.
    let deadline = MonotonicInstant.now.advanced(seconds: Self.threadPatience)
    for line in plan.removed { line.beginStop() }
    for line in plan.removed where !line.finishStop(by: deadline) {
      logger.warning(
        "The line did not stop in time; its threads are left behind.", metadata: ["line": "\(line.name)"])
    }
    for (line, setup) in plan.changed {
      line.change(to: setup, makeSource: factory.sourceMaker(setup.configuration))
    }
    let added = plan.added.map(factory.line)
    let lines = plan.kept + plan.changed.map(\.line) + added
    roster.exchange(
      for: Roster.State(
        configuration: plan.configuration, lines: lines.sorted { $0.name < $1.name }, slots: plan.slots))
    for line in added { line.start() }
    factory.evidence.change(to: plan.configuration.evidence)
    for line in plan.removed {
      line.record.reporter.closeAlert()
      logger.notice("The line was taken away.", metadata: line.summary)
      // Nobody shall take its last words for its present state.
      session.retain([], on: session.topics.topic(.status, of: line.name))
      session.publish([], to: session.topics.topic(.verdict, of: line.name), retain: true)
    }
    announce()
  }

  private func inTurn(_ body: @escaping @Sendable () -> Outcome) async -> Outcome {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: body()) }
    }
  }
}

/// Whether the station has told that it is ready.
final class Readiness: Sendable {
  private let flag = Atomic<Bool>(false)

  var isReady: Bool { flag.load(ordering: .relaxed) }

  func tell() { flag.store(true, ordering: .relaxed) }
}
