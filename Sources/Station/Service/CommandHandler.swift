import Capture
import Foundation
import Inspection
import Logging
import Messaging
import Synchronization
import Transformer

/// Carries out what comes in on `<root>/<line>/cmd/<verb>` and answers each command once, at its end.
final class CommandHandler: Sendable {
  private let roster: Roster
  private let reloader: Reloader
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
  private static let verbs = ["acknowledge", "enrol", "recipe", "reload", "snapshot", "trigger"]
  private static let longestName = 128
  private static let longestNote = 400

  init(
    roster: Roster, reloader: Reloader, paths: StationPaths, session: MQTTSession, engine: InspectionEngine,
    priority: ForegroundPriority, patience: Duration, logger: Logger
  ) {
    self.roster = roster
    self.reloader = reloader
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
    let instant = MonotonicInstant.now
    do {
      // The configuration is the station's, whichever line is named; it may even be one that is still to come.
      if command.verb == "reload" { return try reload(command) }
      guard let line = roster.line(command.line) else {
        let names = roster.lines.map(\.name).joined(separator: ", ")
        throw Refusal("There is no line \(command.line); this station has: \(names).")
      }
      switch command.verb {
      case "acknowledge": try acknowledge(line, command)
      case "enrol": try enrol(EnrolRequest(payload: command.payload), line, command)
      case "recipe": try changeRecipe(line, command)
      case "snapshot": try takeSnapshot(line, command)
      case "trigger": try trigger(line, command, at: instant)
      default:
        throw Refusal(
          "The command \(command.verb) is not known; known are: \(Self.verbs.joined(separator: ", ")).")
      }
    } catch {
      answer(command, .refused, "\(error)")
    }
  }

  /// - Parameter isRoutine: whether the log hears of it only where somebody looks closely.
  private func answer(
    _ command: MQTTCommand, _ outcome: AnswerMessage.Outcome, _ sentence: String?, resultID: ULID? = nil,
    file: String? = nil, isRoutine: Bool = false
  ) {
    let fields: Logger.Metadata = [
      "line": "\(command.line)", "verb": "\(command.verb)", "outcome": "\(outcome.rawValue)",
    ]
    let level: Logger.Level = outcome == .done ? (isRoutine ? .debug : .notice) : .warning
    logger.log(level: level, "\(sentence ?? "The command was carried out.")", metadata: fields)
    do {
      try session.reply(
        to: command,
        with: AnswerMessage(
          line: command.line, verb: command.verb, outcome: outcome, reason: sentence, resultID: resultID,
          file: file))
    } catch {
      logger.error("An answer could not be written.", metadata: ["error": "\(error)"])
    }
  }

  // MARK: reload and recipe

  private func reload(_ command: MQTTCommand) throws(Refusal) {
    _ = try CommandFields(command.payload, names: [], form: "{}")
    Task { [self] in answer(command, await reloader.reload(.command)) }
  }

  private func changeRecipe(_ line: Line, _ command: MQTTCommand) throws(Refusal) {
    let fields = try CommandFields(command.payload, names: ["recipe"], form: #"{"recipe": "bracket"}"#)
    let recipe = try fields.text("recipe", "which recipe", length: 1...64)
    guard roster.configuration.recipes[recipe] != nil else {
      let names = roster.configuration.recipes.keys.sorted().joined(separator: ", ")
      throw Refusal("There is no recipe \(recipe); this station has: \(names).")
    }
    Task { [self] in answer(command, await reloader.changeRecipe(of: line.name, to: recipe)) }
  }

  private func answer(_ command: MQTTCommand, _ outcome: Reloader.Outcome) {
    switch outcome {
    case .done(let summary) where summary.isEmpty: answer(command, .done, "Nothing had to be changed.")
    case .done(let summary): answer(command, .done, "Changed: \(summary.joined(separator: "; ")).")
    case .refused(let error): answer(command, .refused, error.description)
    }
  }

  // MARK: acknowledge

  private func acknowledge(_ line: Line, _ command: MQTTCommand) throws(Refusal) {
    let fields = try CommandFields(
      command.payload, names: ["by", "alert_id", "note"], form: #"{"by": "J. Smith"}"#)
    let by = try fields.text("by", "who", length: 1...Self.longestName)
    let note =
      try fields.has("note") ? fields.text("note", "what there is to say", length: 1...Self.longestNote) : nil
    var alertID: ULID?
    if fields.has("alert_id") {
      let text = try fields.text("alert_id", "which alert", length: 1...Self.longestName)
      alertID = ULID(text)
      if alertID == nil { throw Refusal("The field alert_id is \(text), which is no alert's.") }
    }
    let alert = try line.record.reporter.acknowledge(alertID, by: by, note: note)
    answer(command, .done, "The alert \(alert.alertID) is acknowledged by \(by).", resultID: alert.resultID)
  }

  // MARK: trigger

  private func trigger(_ line: Line, _ command: MQTTCommand, at instant: MonotonicInstant) throws(Refusal) {
    let fields = try CommandFields(
      command.payload, names: ["part_id", "timeout_ms"], form: #"{"part_id": "B-20417"}"#)
    let part =
      try fields.has("part_id")
      ? fields.text("part_id", "which part", length: 1...Self.longestName) : nil
    let timeout = try fields.integer(
      "timeout_ms", 10...60_000, default: line.configuration.triggerTimeoutMilliseconds)
    let waiting = line.triggers.add(partID: part, at: instant) { [self] outcome in
      switch outcome {
      case .judged(let resultID, let verdict):
        answer(
          command, .done, "\(part.map { "Part \($0)" } ?? "The part"): \(verdict.rawValue).",
          resultID: resultID, isRoutine: true)
      case .missed(let reason): answer(command, .failed, "No picture was judged for the trigger: \(reason)")
      }
    }
    guard let waiting else {
      throw Refusal("\(TriggerQueue.limit) triggers wait for their pictures already.")
    }
    Task {
      try await Task.sleep(for: .milliseconds(timeout))
      line.triggers.expire(waiting, reason: "none came within \(timeout) milliseconds.")
    }
  }

  // MARK: snapshot

  private func takeSnapshot(_ line: Line, _ command: MQTTCommand) throws(Refusal) {
    _ = try CommandFields(command.payload, names: [], form: "{}")
    let album = SnapshotAlbum(folder: paths.snapshots.appending(path: line.name))
    let timeout = Task { [patience] in
      try await Task.sleep(for: min(patience, .seconds(10)))
      line.cancelSnapshot()
    }
    line.requestSnapshot { [self] frame in
      timeout.cancel()
      guard let frame else {
        return answer(command, .failed, "No picture came, or another snapshot was asked for first.")
      }
      // Not here: the capture thread has other things to do than to write files.
      Task { [self] in
        do {
          let file = try album.add(frame)
          answer(command, .done, nil, file: file.path)
        } catch {
          answer(command, .failed, "The picture could not be kept: \(error)")
        }
      }
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
        try await takeIntoUse(version, recipe)
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

  /// Every line that runs the recipe goes over to the new version; where it was reconfigured meanwhile, as it is now.
  private func takeIntoUse(_ version: RecipeVersion, _ recipe: RecipeConfiguration) async throws {
    if let slot = roster.current.slots[recipe.name], slot.configuration == recipe {
      slot.exchange(for: .ready(try ActiveRecipe(recipe, version: version, engine: engine)))
    } else if case .refused(let error) = await reloader.reload(.command) {
      throw error
    }
  }

  /// Has a new version judge the recipe's golden pictures as every line that runs it would see them. One that fails is
  /// taken away again: the next start would use it.
  private func prove(_ version: RecipeVersion, of recipe: RecipeConfiguration, _ engine: InspectionEngine)
    throws
  {
    guard let golden = recipe.golden else { return }
    let active = try ActiveRecipe(recipe, version: version, engine: engine)
    let lines = roster.configuration.lines.filter { $0.recipe == recipe.name }
    let mistakes = Set(lines.map(\.region)).flatMap {
      GoldenPictures(folder: golden).mistakes(of: active, region: $0)
    }
    guard !mistakes.isEmpty else { return }
    try FileManager.default.removeItem(at: version.folder)
    throw EnrolmentFailure(description: mistakes.joined(separator: " "))
  }

  private func build(
    _ references: [Reference], _ recipe: RecipeConfiguration, _ progress: EnrolProgress
  ) async throws -> RecipeVersion {
    try await withCheckedThrowingContinuation { continuation in
      let polite = engine.polite(priority)
      let thread = WorkerThread(name: "enrol-\(recipe.name)", priority: .background) { [self] in
        continuation.resume(
          with: Result {
            let version = try recipe.enrol(
              references, engine: polite, in: paths.versions(of: recipe.name)
            ) { stage in
              if isStopping.load(ordering: .relaxed) {
                throw EnrolmentFailure(description: "the station stops.")
              }
              progress.report(stage)
            }
            try prove(version, of: recipe, polite)
            return version
          })
      }
      state.withLock { $0.threads[recipe.name] = thread }
    }
  }
}

/// Why a command is not carried out; one sentence.
package struct Refusal: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}
