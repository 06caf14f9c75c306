import Capture
import Foundation
import Inspection
import Logging
import Messaging
import Synchronization
import Transformer

/// Carries out what comes in on `<root>/<line>/cmd/<verb>` and answers each command once, at its end.
final class CommandHandler: Sendable {
  private let lines: [Line]
  private let paths: StationPaths
  private let session: MQTTSession
  private let engine: InspectionEngine
  private let priority: ForegroundPriority
  private let patience: Duration
  private let logger: Logger
  private let state = Mutex(State())
  private let isStopping = Atomic<Bool>(false)

  private struct State {
    /// Recipes that are being enrolled.
    var recipes: Set<String> = []
    /// That of each recipe's last enrolment.
    var threads: [String: WorkerThread] = [:]
  }

  /// Verbs that are carried out.
  private static let verbs = ["enrol"]

  init(
    lines: [Line], paths: StationPaths, session: MQTTSession, engine: InspectionEngine,
    priority: ForegroundPriority,
    patience: Duration, logger: Logger
  ) {
    self.lines = lines
    self.paths = paths
    self.session = session
    self.engine = engine
    self.priority = priority
    self.patience = patience
    self.logger = logger
  }

  /// The recipes that are being enrolled at this moment.
  var recipesInWork: Set<String> { state.withLock { $0.recipes } }

  func beginStop() { isStopping.store(true, ordering: .relaxed) }

  /// Waits for enrolments, which end at their next step.
  func finishStop(by deadline: MonotonicInstant) {
    for thread in state.withLock({ $0.threads }).values { _ = thread.wait(until: deadline) }
  }

  /// Returns at once; what takes time goes on by itself.
  func receive(_ command: MQTTCommand) {
    do {
      guard let line = lines.first(where: { $0.name == command.line }) else {
        let names = lines.map(\.name).joined(separator: ", ")
        throw Refusal("There is no line \(command.line); this station has: \(names).")
      }
      switch command.verb {
      case "enrol": try enrol(EnrolRequest(payload: command.payload), line, command)
      default:
        throw Refusal(
          "The command \(command.verb) is not known; known are: \(Self.verbs.joined(separator: ", ")).")
      }
    } catch {
      answer(command, .refused, "\(error)")
    }
  }

  private func answer(_ command: MQTTCommand, _ outcome: AnswerMessage.Outcome, _ sentence: String) {
    var fields: Logger.Metadata = ["line": "\(command.line)", "verb": "\(command.verb)"]
    fields["outcome"] = "\(outcome.rawValue)"
    logger.log(level: outcome == .done ? .notice : .warning, "\(sentence)", metadata: fields)
    do {
      try session.reply(
        to: command,
        with: AnswerMessage(line: command.line, verb: command.verb, outcome: outcome, reason: sentence))
    } catch {
      logger.error("An answer could not be written.", metadata: ["error": "\(error)"])
    }
  }

  // MARK: enrol

  private func enrol(_ request: EnrolRequest, _ line: Line, _ command: MQTTCommand) throws(Refusal) {
    let recipe = line.recipe.configuration
    if case .number(let number) = recipe.version {
      throw Refusal(
        "Recipe \(recipe.name) is kept to version \(number) by its configuration: set `version: latest` first."
      )
    }
    guard state.withLock({ $0.recipes.insert(recipe.name).inserted }) else {
      throw Refusal("Recipe \(recipe.name) is being enrolled already: wait for its answer.")
    }
    let progress = EnrolProgress { [session, logger] stage, done, total in
      logger.info(
        "Enrolling.",
        metadata: [
          "recipe": "\(recipe.name)", "stage": "\(stage.rawValue)", "done": "\(done)", "of": "\(total)",
        ])
      guard request.progress else { return }
      let message = EnrolProgressMessage(line: line.name, stage: stage, done: done, of: total)
      if let payload = try? message.encoded() { session.reply(to: command, with: payload) }
    }
    guard
      let collector = line.collect(
        request.count, progress: { progress.report(.collecting, $0, of: request.count) })
    else {
      state.withLock { _ = $0.recipes.remove(recipe.name) }
      throw Refusal("Line \(line.name) is collecting pictures already: wait for its answer.")
    }
    logger.notice(
      "The next \(request.count) pictures are enrolled.",
      metadata: ["line": "\(line.name)", "recipe": "\(recipe.name)", "why": "\(request.reason)"])
    Task { [self] in
      let timeout = Task { [patience] in
        try await Task.sleep(for: patience)
        collector.abandon("no more within \(patience / .seconds(1)) seconds.")
      }
      do {
        let references = try await collector.references()
        line.endCollection()
        let version = try await build(references, recipe, progress)
        line.recipe.exchange(for: try ActiveRecipe(recipe, version: version, engine: engine))
        answer(
          command, .done,
          "Version \(version.manifest.version) of recipe \(recipe.name) was made from \(references.count) "
            + "pictures and is in use.")
      } catch {
        line.endCollection()
        answer(command, .failed, "Nothing was enrolled: \(error)")
      }
      timeout.cancel()
      state.withLock { _ = $0.recipes.remove(recipe.name) }
    }
  }

  private func build(
    _ references: [Reference], _ recipe: RecipeConfiguration, _ progress: EnrolProgress
  ) async throws -> RecipeVersion {
    try await withCheckedThrowingContinuation { continuation in
      let polite = InspectionEngine(
        encoder: BackgroundEncoder(base: engine.encoder, priority: priority), search: engine.search,
        instructionSet: engine.instructionSet)
      let thread = WorkerThread(name: "enrol-\(recipe.name)", priority: .background) { [self] in
        continuation.resume(
          with: Result {
            try recipe.enrol(references, engine: polite, in: paths.versions(of: recipe.name)) { stage in
              if isStopping.load(ordering: .relaxed) {
                throw EnrolmentFailure(description: "the station stops.")
              }
              progress.report(stage)
            }
          })
      }
      state.withLock { $0.threads[recipe.name] = thread }
    }
  }
}

/// Why a command is not carried out; one sentence.
struct Refusal: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
