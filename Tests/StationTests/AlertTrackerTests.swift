import Messaging
import Testing

@testable import Station

/// When alerts are opened, updated and closed. A line's results are written as letters: `o` ok, `n` ng, `u` undecidable,
/// `e` error; a digit after `n` is its score in tenths; one second lies between two of them.
@Suite struct AlertTrackerTests {
  private let ids = ULIDGenerator()

  private struct Bench {
    var tracker: AlertTracker
    var seconds = 0.0
    var seq: UInt64 = 0
    let ids = ULIDGenerator()

    init(_ configuration: AlertConfiguration = AlertConfiguration(), last: AlertMessage? = nil) {
      tracker = AlertTracker(line: "mono", bootID: "boot", configuration: configuration, last: last)
    }

    var moment: AlertTracker.Moment {
      .init(time: UTCTimestamp(nanoseconds: Int64(seconds * 1e9)), seconds: seconds)
    }

    mutating func take(
      _ verdict: ReportedVerdict, score: Double = 0.5, part: String? = nil, recipe: String = "1"
    ) -> [AlertMessage] {
      seq += 1
      seconds += 1
      let result = ResultMessage(
        resultID: ids.next(), bootID: "boot", seq: seq, line: "mono", partID: part, partIDSource: nil,
        recipe: RecipeReference(id: "cell", version: recipe, hash: nil), modelHash: nil,
        exposureUTC: moment.time, clockQuality: .arrival,
        times: .init(
          acquireMs: nil, waitMs: nil, inferMs: nil, postMs: nil, totalMs: nil, deadlineMet: nil),
        verdict: verdict, score: score, threshold: 0.2, reason: nil,
        regions: verdict == .ng
          ? [
            .init(
              defect: nil, areaPx: score * 100, areaMm2: nil, bbox: (0, 0, 1, 1), centroid: (0, 0),
              polygon: [], peak: score)
          ] : [], mask: nil, quality: nil, degradations: [], evidenceURI: "file:///\(seq)",
        isSimulated: false, expected: nil)
      return tracker.take(result, at: moment, newID: ids.next)
    }

    /// - Returns: for each letter at which something is sent, its index from 1 and what is sent.
    mutating func play(_ letters: String) -> [String] {
      var told: [String] = []
      var rest = letters[...]
      var index = 0
      while let letter = rest.popFirst() {
        var score = 0.5
        if let digit = rest.first?.wholeNumberValue {
          score = Double(digit) / 10
          rest.removeFirst()
        }
        index += 1
        let verdict: ReportedVerdict =
          switch letter {
          case "o": .ok
          case "n": .ng
          case "u": .undecidable
          default: .error
          }
        told += take(verdict, score: score).map { "\(index) \($0.state.rawValue)" }
      }
      return told
    }
  }

  private static func configuration(
    _ openAt: Int, of window: Int, close: Int = 3, update: Double = 1000, perHour: Int = 30,
    unit: AlertMessage.Unit = .frames
  ) -> AlertConfiguration {
    var configuration = AlertConfiguration()
    configuration.openAt = openAt
    configuration.window = window
    configuration.closeAfter = close
    configuration.updateInterval = update
    configuration.mostPerHour = perHour
    configuration.unit = unit
    return configuration
  }

  @Test(
    arguments: [
      (configuration(1, of: 1), "ooo", []),
      (configuration(1, of: 1), "n", ["1 opened"]),
      (configuration(1, of: 1), "nooo", ["1 opened", "4 closed"]),
      (configuration(1, of: 1), "nonooo", ["1 opened", "6 closed"]),
      (configuration(1, of: 1), "noonooonooo", ["1 opened", "7 closed", "8 opened", "11 closed"]),
      (configuration(3, of: 5), "nn", []),
      (configuration(3, of: 5), "nnn", ["3 opened"]),
      (configuration(3, of: 5), "nonon", ["5 opened"]),
      (configuration(3, of: 5), "noonon", []),
      (configuration(3, of: 5), "nuneuuuun", ["9 opened"]),
      (configuration(1, of: 1), "nouououo", ["1 opened", "6 closed"]),
      (configuration(1, of: 1, update: 2), "nnnnnn", ["1 opened", "3 updated", "5 updated"]),
      (configuration(1, of: 1, update: 0), "nnoon9o", ["1 opened", "2 updated", "5 updated"]),
      (
        configuration(1, of: 1, perHour: 2), "nooonooonooonooo",
        ["1 opened", "4 closed", "5 opened", "8 closed"]
      ),
    ] as [(AlertConfiguration, String, [String])])
  func tellsWhatIsNews(configuration: AlertConfiguration, letters: String, expected: [String]) {
    var bench = Bench(configuration)
    #expect(bench.play(letters) == expected)
  }

  /// The whole way of one alert, with the worst frame so far in each message.
  @Test func aLife() throws {
    var bench = Bench(Self.configuration(2, of: 3, close: 2, update: 3))
    _ = bench.take(.ng, score: 0.4)
    let opened = try #require(bench.take(.ng, score: 0.3).first)
    #expect(opened.state == .opened && opened.revision == 1 && opened.score == 0.4)
    #expect(opened.evidenceURI == "file:///1" && opened.region?.areaPx == 40)
    #expect(opened.ng == 2 && opened.judged == 2 && opened.recipe?.version == "1")
    #expect(opened.reason == "2 of the last 2 frames are not good.")
    #expect(bench.take(.ng, score: 0.9).isEmpty)
    #expect(bench.take(.ok).isEmpty)
    let updated = try #require(bench.take(.ng, score: 0.5).first)
    #expect(updated.state == .updated && updated.revision == 2 && updated.score == 0.9)
    #expect(updated.ng == 4 && updated.judged == 5 && updated.alertID == opened.alertID)
    _ = bench.take(.ok)
    let closed = try #require(bench.take(.ok).first)
    #expect(closed.state == .closed && closed.closing == .recovered && closed.revision == 3)
    #expect(closed.score == 0.9 && closed.evidenceURI == "file:///3" && closed.judged == 7)
    #expect(closed.reason == "2 good frames in a row." && closed.openedUTC == opened.openedUTC)
    #expect(bench.tracker.open == nil && bench.tracker.opened == 1)
  }

  /// Frames with the same part id are one part: ng at its first ng frame, good when the next part comes.
  @Test func countsParts() {
    var bench = Bench(Self.configuration(2, of: 3, close: 2, unit: .parts))
    func play(_ parts: [(String, ReportedVerdict)]) -> [String] {
      parts.enumerated().flatMap { index, entry in
        bench.take(entry.1, part: entry.0).map { "\(index) \($0.state.rawValue) \($0.ng)/\($0.judged)" }
      }
    }
    #expect(
      play([
        ("a", .ok), ("a", .ng), ("a", .ng), ("a", .ok), ("b", .ok), ("b", .ok), ("c", .ok), ("c", .ng),
        ("c", .ng), ("d", .ok), ("e", .ok), ("e", .ok), ("f", .ok),
      ]) == ["7 opened 2/3", "12 closed 2/5"])
    // Frames of no part are parts of their own.
    var nameless = Bench(Self.configuration(2, of: 2, unit: .parts))
    #expect(nameless.play("nn") == ["2 opened"])
  }

  @Test func countsWhatItHoldsBack() throws {
    var bench = Bench(Self.configuration(1, of: 1, close: 1, perHour: 1))
    #expect(bench.play("no") == ["1 opened", "2 closed"])
    // One long trouble and two short ones.
    #expect(bench.play("nnnonono") == [])
    #expect(bench.tracker.opened == 1 && bench.tracker.suppressed == 3)
    bench.seconds += 3600
    let next = try #require(bench.take(.ng).first)
    #expect(next.state == .opened && next.suppressed == 3)
    _ = bench.take(.ok)
    bench.seconds += 3600
    #expect(bench.take(.ng).first?.suppressed == 0)
  }

  /// The program ends while an alert is open: the next one goes on with it, even where it was acknowledged.
  @Test func goesOnAfterARestart() throws {
    var bench = Bench(Self.configuration(1, of: 1))
    let opened = try #require(bench.take(.ng).first)
    let seen = try bench.tracker.acknowledge(nil, by: "J. Smith", note: nil, at: bench.moment)
    #expect(seen.state == .updated && seen.acknowledged?.by == "J. Smith" && seen.revision == 2)
    var next = Bench(Self.configuration(1, of: 1, close: 2), last: seen)
    #expect(next.play("u") == [])
    let closed = try #require((next.take(.ok) + next.take(.ok)).first)
    #expect(closed.alertID == opened.alertID && closed.state == .closed && closed.revision == 3)
    #expect(closed.acknowledged?.by == "J. Smith" && closed.openedUTC == opened.openedUTC)
    var later = Bench(Self.configuration(1, of: 1), last: closed)
    #expect(later.tracker.open == nil)
    #expect(later.take(.ng).first?.alertID != opened.alertID)
  }

  @Test func aChangeoverEndsIt() throws {
    var bench = Bench(Self.configuration(1, of: 1))
    let opened = try #require(bench.take(.ng, recipe: "1").first)
    let messages = bench.take(.ng, recipe: "2")
    #expect(messages.map(\.state) == [.closed, .opened])
    #expect(messages.first?.closing == .recipeChanged && messages.first?.alertID == opened.alertID)
    #expect(messages.last?.recipe?.version == "2" && messages.last?.alertID != opened.alertID)
  }

  @Test func acknowledgesOnlyWhatIsOpenAndOnce() throws {
    var bench = Bench(Self.configuration(1, of: 1))
    func refusal(_ id: ULID?) -> String? {
      do {
        _ = try bench.tracker.acknowledge(id, by: "J. Smith", note: "seen", at: bench.moment)
        return nil
      } catch {
        return error.description
      }
    }
    #expect(refusal(nil) == "Line mono has no open alert.")
    let opened = try #require(bench.take(.ng).first)
    let other = ids.next()
    #expect(refusal(other) == "The alert \(other) is not open; open on line mono is \(opened.alertID).")
    #expect(refusal(opened.alertID) == nil)
    #expect(refusal(nil)?.hasPrefix("The alert was acknowledged by J. Smith at ") == true)
  }

  @Test func aMessageComesBackAsItWas() throws {
    var bench = Bench(Self.configuration(1, of: 1))
    _ = bench.take(.ng)
    let message = try bench.tracker.acknowledge(nil, by: "x", note: "n", at: bench.moment)
    #expect(try AlertMessage(payload: try message.encoded()) == message)
  }
}
