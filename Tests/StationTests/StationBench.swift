import Capture
import Foundation
import Imaging
import Inspection
import Logging
import Messaging
import ServiceLifecycle
import TestSupport
import Testing

@testable import Station

/// A station in a folder of its own, with scripted cameras and a small encoder. Unless told of a broker it talks to
/// nobody, and its results stay in the outbox, where tests read them.
struct StationBench {
  let folder: ConfigurationFolder
  let encoder: PatchEncoder
  let station: Station
  let sources: [String: ScriptedSource]
  private let group: ServiceGroup

  static let recipe = """
    product: Bar
    scoring:
      input_width: 56
      input_height: 56
      blocks: [1]
      views: 1
      smoothing: 0
    decision:
      false_alarm_rate: 0.01
      threshold: 0.2
    """

  /// A line whose scripted camera may show the same picture as often as it likes, unless `extra` says otherwise.
  static func line(_ extra: String = "", camera: String = "scripted") -> String {
    let patience = extra.contains("frozen_after") ? "" : "frozen_after: 0\n"
    return "camera:\n  device: \(camera)\nrecipe: cell\n" + patience + extra
  }

  /// - Parameters:
  ///   - scripts: for each line its name and what its camera does.
  ///   - isEnrolled: whether the recipe `cell` has a version from eight good parts.
  ///   - extra: further lines for each line's file.
  ///   - folders: to be made below the root.
  ///   - cameras: further ones, by their devices; that of a line in `scripts` is named after the line.
  init(
    _ scripts: [String: ScriptedSource], encoder: PatchEncoder = PatchEncoder(), isEnrolled: Bool = true,
    recipe: String = Self.recipe, extra: String = "", brokerPort: Int = 1, notifySocket: String? = nil,
    watchdog: Duration? = nil, timing: StationTiming = .quick, logLevel: Logger.Level = .critical,
    cameras: [String: ScriptedSource] = [:], folders: [String] = [],
    log: any LogHandler = StationLogHandler(environment: [:])
  ) throws {
    self.encoder = encoder
    sources = scripts
    folder = try ConfigurationFolder(
      lines: Dictionary(
        uniqueKeysWithValues: scripts.keys.map { ($0, Self.line(extra, camera: $0)) }),
      recipes: ["cell": recipe])
    for name in folders {
      try FileManager.default.createDirectory(at: folder.folder.file(name), withIntermediateDirectories: true)
    }
    try folder.write(
      "etc/assayd/assayd.yaml",
      ConfigurationFolder.station.replacing("host: 127.0.0.1", with: "host: 127.0.0.1\n  port: \(brokerPort)")
    )
    if isEnrolled {
      let versions = folder.paths.recipeVersions
      try FileManager.default.createDirectory(at: versions, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: try Self.enrolled.get().paths.versions(of: "cell"), to: versions.appending(path: "cell"))
    }
    var environment: [String: String] = [:]
    environment["NOTIFY_SOCKET"] = notifySocket
    environment["WATCHDOG_USEC"] = watchdog.map { "\(Int($0 / .microseconds(1)))" }
    var logger = Logger(label: "test") { _ in log }
    logger.logLevel = logLevel
    station = try Station(
      try folder.load(), paths: folder.paths, engine: encoder.engine,
      notifier: ServiceNotifier(environment: environment, processID: getpid()), logger: logger,
      timing: timing, outbox: MemoryOutbox()
    ) { line throws(CaptureError) in
      guard case .camera(let camera) = line.source else { return ScriptedSource([]) }
      return scripts[camera.device] ?? cameras[camera.device] ?? ScriptedSource([])
    }
    for (name, source) in scripts {
      source.setHandled { [weak station] in station?.counts[name]?.inFlight == 0 }
    }
    group = ServiceGroup(services: [station], logger: logger)
  }

  @discardableResult
  func enrolReferences(with other: PatchEncoder? = nil) throws -> RecipeVersion {
    try Self.enrol(folder, other ?? encoder)
  }

  /// A folder with one version of the recipe, made once: that takes longer than all the rest of a bench.
  private static let enrolled = Result {
    let folder = try ConfigurationFolder(recipes: ["cell": recipe])
    try enrol(folder, PatchEncoder())
    return folder
  }

  /// The folder of a version.
  static func enrolledVersion() throws -> URL {
    try #require(RecipeVersion.all(in: try enrolled.get().paths.versions(of: "cell")).last)
  }

  @discardableResult
  private static func enrol(_ folder: ConfigurationFolder, _ encoder: PatchEncoder) throws -> RecipeVersion {
    let configuration = try folder.load()
    let references = (0..<8).map { Reference(name: "good \($0)", picture: Parts.picture(seed: UInt64($0))) }
    let recipe = try #require(configuration.recipes["cell"])
    return try recipe.enrol(
      references, engine: encoder.engine, in: configuration.paths.versions(of: "cell"))
  }

  /// Runs the station, does something meanwhile, stops it, and returns how long the stop took.
  @discardableResult
  func run(while body: () async throws -> Void) async throws -> Duration {
    let running = Task { [group] in try await group.run() }
    do {
      try await body()
    } catch {
      await group.triggerGracefulShutdown()
      try await running.value
      throw error
    }
    let clock = ContinuousClock()
    let begin = clock.now
    await group.triggerGracefulShutdown()
    try await running.value
    return clock.now - begin
  }

  /// The results of a line, oldest first.
  func results(of line: String) throws -> [ResultMessage] {
    var results: [ResultMessage] = []
    var identifier: UInt64 = 0
    while let entry = station.outbox.next(after: identifier, in: .results) {
      identifier = entry.identifier
      if entry.message.topic.hasSuffix("/\(line)/result") {
        results.append(try ResultMessage(payload: entry.message.payload))
      }
    }
    return results
  }

  /// Another station in the same folder, not run.
  func sibling(_ configuration: StationConfiguration, refusal: ConfigurationError?) throws -> Station {
    var logger = Logger(label: "test") { _ in StationLogHandler(environment: [:]) }
    logger.logLevel = .critical
    return try Station(
      configuration, paths: folder.paths, refusal: refusal, engine: encoder.engine,
      notifier: ServiceNotifier(environment: [:], processID: getpid()), logger: logger, timing: .quick,
      outbox: MemoryOutbox()
    ) { _ throws(CaptureError) in ScriptedSource([]) }
  }

  /// Has the station read its files again.
  func reload() async -> Reloader.Outcome { await station.reloader.reload(.signal) }

  /// Adds a recipe like `cell` but for a few words, with a version of the same references.
  func addRecipe(_ name: String, replacing old: String = "", with new: String = "") throws {
    let text = old.isEmpty ? Self.recipe : Self.recipe.replacing(old, with: new)
    try folder.write("etc/assayd/recipes/\(name).yaml", text)
    try FileManager.default.copyItem(
      at: try Self.enrolled.get().paths.versions(of: "cell"), to: folder.paths.versions(of: name))
  }

  func write(line: String, _ text: String) throws {
    try folder.write("etc/assayd/lines/\(line).yaml", text)
  }

  func counts(of line: String) throws -> FrameCounts { try #require(station.counts[line]) }

  /// Waits until something holds; records an issue where it never does.
  static func wait(
    for what: String, seconds: Double = 10, sourceLocation: SourceLocation = #_sourceLocation,
    until condition: () throws -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds * Sanitiser.patience)
    while try !condition() {
      guard .now < deadline else {
        Issue.record("\(what) did not come about within \(seconds) s.", sourceLocation: sourceLocation)
        return
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

extension StationTiming {
  static let quick = StationTiming(
    tick: .milliseconds(10), status: 0.3, statistics: 0.3, enrolment: .seconds(5), readiness: 1)
}
