import Foundation
import Imaging
import Logging
import Messaging
import ServiceLifecycle
import TestSupport
import Testing

@testable import Station

/// A whole station against a real broker, seen through Mosquitto's own clients.
@Suite(.enabled(if: Mosquitto.isAvailable, "\(Mosquitto.skipReason)"))
struct EndToEndTests {
  private static let root = "test/hall"

  /// Two lines replay pictures; one of them is enrolled by command, after which both judge.
  @Test func twoLinesFromEnrolmentToTheLastWord() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    let folder = try ConfigurationFolder(
      lines: [
        "goods": "replay:\n  folder: goods\n  rate: 50\nrecipe: cell\n",
        "mixed": "replay:\n  folder: mixed\n  rate: 20\nrecipe: cell\nresults: all\ndeadline_ms: 60000\n"
          + "heatmap:\n  interval_ms: 0\n",
      ], recipes: ["cell": StationBench.recipe])
    try folder.write(
      "etc/assayd/assayd.yaml",
      ConfigurationFolder.station.replacing(
        "host: 127.0.0.1", with: "host: 127.0.0.1\n  port: \(broker.port)"))
    for seed in 0..<8 {
      let good = Data(try Parts.picture(seed: UInt64(seed)).pngData())
      let blot = Data(try Parts.picture(seed: UInt64(seed), isDefective: true).pngData())
      try folder.write("goods/\(seed).png", good)
      try folder.write("mixed/test/good/\(seed).png", good)
      try folder.write("mixed/test/blot/\(seed).png", blot)
    }
    let encoder = PatchEncoder()
    var logger = Logger(label: "test") { _ in StationLogHandler(environment: [:]) }
    logger.logLevel = .critical
    let station = try Station(
      try folder.load(), paths: folder.paths, engine: encoder.engine,
      notifier: ServiceNotifier(environment: [:], processID: 1),
      logger: logger)
    let group = ServiceGroup(services: [station], logger: logger)
    let running = Task { try await group.run() }

    func statuses(_ line: String) throws -> [StatusMessage] {
      try everything.payloads(on: "\(Self.root)/\(line)/status").map {
        try StatusMessage(payload: Array($0.utf8))
      }
    }
    func results(_ line: String) throws -> [ResultMessage] {
      try everything.payloads(on: "\(Self.root)/\(line)/result").map {
        try ResultMessage(payload: Array($0.utf8))
      }
    }
    func answer(_ verb: String, _ payload: String, line: String = "goods") async throws -> AnswerMessage {
      let text = try await broker.request("\(Self.root)/\(line)/cmd/\(verb)", payload)
      return try AnswerMessage(payload: Array(text.trimmingCharacters(in: .newlines).utf8))
    }

    try await StationBench.wait(for: "verdicts before the enrolment") { try results("goods").count > 3 }
    #expect(try results("goods").prefix(3).map(\.verdict) == [.undecidable, .undecidable, .undecidable])
    try await StationBench.wait(for: "the status before the enrolment") {
      try statuses("goods").last?.reason?.contains("has no references yet") == true
    }
    #expect(try statuses("goods").last?.state == .faulted)

    let unknown = try await answer("dance", "{}")
    #expect(unknown.outcome == .refused)
    #expect(
      unknown.reason
        == "The command dance is not known; known are: acknowledge, enrol, recipe, reload, snapshot, trigger."
    )
    let nowhere = try await answer("enrol", #"{"count": 8, "reason": "test"}"#, line: "attic")
    #expect(nowhere.reason == "There is no line attic; this station has: goods, mixed.")
    let senseless = try await answer("enrol", #"{"count": 0, "reason": "test"}"#)
    #expect(senseless.outcome == .refused)
    let enrolled = try await answer("enrol", #"{"count": 8, "reason": "first references"}"#)
    #expect(enrolled.outcome == .done)

    try await StationBench.wait(for: "verdicts of both kinds") {
      let judged = try results("mixed").filter { $0.recipe?.version == "1" }
      return Set(judged.map(\.verdict)) == [.ok, .ng] && judged.count > 8
    }
    for result in try results("mixed") where result.recipe?.version == "1" {
      #expect(result.verdict == (result.expected == "good" ? .ok : .ng))
      #expect(result.isSimulated && result.times.deadlineMet == true)
      #expect(result.modelHash == encoder.modelHash)
    }
    try await StationBench.wait(for: "running lines") {
      try statuses("goods").last?.state == .running && statuses("mixed").last?.state == .running
    }
    let heatmap = try #require(try await broker.nextShape(on: "\(Self.root)/mixed/heatmap"))
    #expect(heatmap.length > 500)
    try await StationBench.wait(for: "the result of the heat map") {
      try results("mixed").contains { heatmap.userProperties == "result_id:\($0.resultID)" }
    }

    let begin = ContinuousClock.now
    await group.triggerGracefulShutdown()
    try await running.value
    #expect(.now - begin < .seconds(2))

    try await StationBench.wait(for: "the last word") {
      everything.payloads(on: "\(Self.root)/availability").last == "stopped"
    }
    #expect(everything.payloads(on: "\(Self.root)/availability").first == "online")
    for line in ["goods", "mixed"] {
      let counters = try #require(try statuses(line).last).counters
      #expect(
        counters.captured == counters.judged + counters.replaced + counters.rejected.values.reduce(0, +))
      #expect(station.counts[line]?.message == counters)
      let all = try results(line)
      #expect(all.map(\.seq) == Array(1...UInt64(all.count)))
      let verdicts = everything.payloads(on: "\(Self.root)/\(line)/verdict").count
      #expect(verdicts > 0 && verdicts <= all.count)
      #expect(!everything.payloads(on: "\(Self.root)/\(line)/stats").isEmpty)
    }

    // What a client that comes later finds.
    let later = try broker.subscribe(["--retained-only"])
    try await StationBench.wait(for: "the retained messages") { later.messages.count >= 7 }
    let retained = Dictionary(grouping: later.messages, by: \.topic).mapValues(\.count)
    #expect(
      retained == [
        "\(Self.root)/availability": 1, "\(Self.root)/birth": 1, "\(Self.root)/goods/status": 1,
        "\(Self.root)/goods/verdict": 1, "\(Self.root)/mixed/status": 1, "\(Self.root)/mixed/verdict": 1,
        "\(Self.root)/status": 1,
      ])
    let birth = try BirthMessage(
      payload: Array(try #require(later.payloads(on: "\(Self.root)/birth").first).utf8))
    #expect(birth.lines == ["goods", "mixed"])
    #expect(birth.instructionSet == "test" && birth.configHash?.count == 64)
  }

  @Test func anEnrolmentWithoutPicturesFailsAndASecondOneIsRefused() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    var timing = StationTiming.quick
    timing.enrolment = .milliseconds(1500)
    let bench = try StationBench(
      ["line": ScriptedSource([.frame(Parts.raw(seed: 1))])], brokerPort: broker.port, timing: timing)
    try await bench.run {
      try await StationBench.wait(for: "the station") {
        everything.payloads(on: "\(Self.root)/availability").last == "online"
      }
      try await StationBench.wait(for: "the frame") { try bench.counts(of: "line").judged == 1 }
      async let first = broker.request("\(Self.root)/line/cmd/enrol", #"{"count": 2, "reason": "test"}"#)
      try await StationBench.wait(for: "the first command") {
        bench.station.commands.recipesInWork == ["cell"]
      }
      let second = try await broker.request("\(Self.root)/line/cmd/enrol", #"{"count": 2, "reason": "test"}"#)
      #expect(second.contains("\"outcome\":\"refused\""))
      #expect(second.contains("Recipe cell is being enrolled already: wait for its answer."))
      let failed = try await first
      #expect(failed.contains("\"outcome\":\"failed\""))
      #expect(
        failed.contains("Nothing was enrolled: 0 of 2 pictures had come: no more within 1.5 seconds."))
    }
    #expect(try bench.counts(of: "line").inFlight == 0)
  }

  @Test func anEnrolmentTellsHowFarItIsWhereAsked() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    let script = (0..<4).flatMap { [ScriptedSource.Step.frame(Parts.raw(seed: UInt64($0))), .handled] }
    let bench = try StationBench(
      ["line": ScriptedSource(script, repeats: true)], isEnrolled: false, brokerPort: broker.port)
    try await bench.run {
      try await StationBench.wait(for: "the station") {
        everything.payloads(on: "\(Self.root)/availability").last == "online"
      }
      // mosquitto_rr ends at the first message; the subscription sees them all.
      let first = try await broker.request(
        "\(Self.root)/line/cmd/enrol", #"{"count": 2, "reason": "test", "progress": true}"#)
      #expect(first.contains("\"schema\":\"assayd.enrol-progress/1\""))
      func stages() -> [String] {
        everything.messages.filter { $0.topic.hasPrefix("answers/") }.compactMap { message in
          if let progress = try? EnrolProgressMessage(payload: Array(message.payload.utf8)) {
            return progress.done == progress.of ? progress.stage.rawValue : nil
          }
          return (try? AnswerMessage(payload: Array(message.payload.utf8)))?.outcome.rawValue
        }
      }
      try await StationBench.wait(for: "the answer") { stages().last == "done" }
      #expect(stages() == ["collecting", "encoding", "calibrating", "done"])
    }
  }

  @Test func aPinnedRecipeIsNotEnrolled() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    let bench = try StationBench(
      ["line": ScriptedSource([.frame(Parts.raw(seed: 1))])], recipe: "version: 1\n" + StationBench.recipe,
      brokerPort: broker.port)
    try await bench.run {
      try await StationBench.wait(for: "the station") {
        everything.payloads(on: "\(Self.root)/availability").last == "online"
      }
      let answer = try await broker.request("\(Self.root)/line/cmd/enrol", #"{"count": 2, "reason": "test"}"#)
      #expect(
        answer.contains("Recipe cell is kept to version 1 by its configuration: set `version: latest` first.")
      )
    }
  }

  @Test func commandsAreCarriedOutAndAnswered() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    let script = (0..<40).flatMap {
      [ScriptedSource.Step.frame(Parts.raw(seed: UInt64(100 + $0))), .handled, .pause(.milliseconds(2))]
    }
    let bench = try StationBench(["line": ScriptedSource(script, repeats: true)], brokerPort: broker.port)
    try bench.addRecipe("lax", replacing: "threshold: 0.2", with: "threshold: 2")
    func answer(_ verb: String, _ payload: String) async throws -> AnswerMessage {
      let text = try await broker.request("\(Self.root)/line/cmd/\(verb)", payload)
      return try AnswerMessage(payload: Array(text.trimmingCharacters(in: .newlines).utf8))
    }
    try await bench.run {
      try await StationBench.wait(for: "the station") {
        everything.payloads(on: "\(Self.root)/availability").last == "online"
      }
      let trigger = try await answer("trigger", #"{"part_id": "B-20417"}"#)
      #expect(trigger.outcome == .done && trigger.reason == "Part B-20417: ok.")
      try await StationBench.wait(for: "the part's result") {
        try everything.payloads(on: "\(Self.root)/line/result").contains {
          let result = try ResultMessage(payload: Array($0.utf8))
          return result.partID == "B-20417" && result.resultID == trigger.resultID
        }
      }
      #expect(try await answer("trigger", #"{"part": 1}"#).outcome == .refused)

      let snapshot = try await answer("snapshot", "{}")
      let file = try #require(snapshot.file)
      #expect(try Picture(contentsOf: URL(filePath: file)).width == Parts.side)

      let early = try await answer("recipe", #"{"recipe": "lax"}"#)
      #expect(early.outcome == .refused && early.reason == "There is no recipe lax; this station has: cell.")
      #expect(try await answer("reload", "{}").reason == "Nothing had to be changed.")
      #expect(try await answer("recipe", #"{"recipe": "lax"}"#).reason == "Changed: line line: recipe lax.")
      // The command has the last word until the file says something else.
      #expect(try await answer("reload", "").reason == "Nothing had to be changed.")
      #expect(bench.station.status.lines.map(\.recipe.id) == ["lax"])

      try bench.write(line: "line", "camera: 3")
      let refused = try await answer("reload", "{}")
      #expect(refused.outcome == .refused)
      #expect(refused.reason?.contains("lines/line.yaml:1:9: `camera` is `3`") == true, "\(refused)")
      try await StationBench.wait(for: "the refusal in the status") {
        let status = everything.payloads(on: "\(Self.root)/status").last
        return try status.map {
          try StationStatusMessage(payload: Array($0.utf8)).configuration.refusal != nil
        } == true
      }
      // A line that goes leaves nothing behind at the broker.
      try bench.write(line: "line", StationBench.line(camera: "line"))
      try bench.write(line: "other", StationBench.line(camera: "other"))
      #expect(try await answer("reload", "{}").reason == "Changed: line other added.")
      try await StationBench.wait(for: "the new line's status") {
        everything.payloads(on: "\(Self.root)/other/status").last?.isEmpty == false
      }
      try FileManager.default.removeItem(at: bench.folder.paths.lines.appending(path: "other.yaml"))
      #expect(try await answer("reload", "{}").reason == "Changed: line other removed.")
      try await StationBench.wait(for: "the old line's status") {
        everything.payloads(on: "\(Self.root)/other/status").last?.isEmpty == true
      }
      let birth = try #require(everything.payloads(on: "\(Self.root)/birth").last)
      #expect(try BirthMessage(payload: Array(birth.utf8)).lines == ["line"])
    }
  }
}
