import Foundation
import TestSupport
import Testing

@testable import Messaging

@Suite struct MessageTests {
  /// Every example in the reference is decoded by the type of its schema and encoded again: the same keys, the same
  /// values, nothing more and nothing less.
  @Test func examplesInTheReferenceAreWhatIsSent() throws {
    let page = try String(contentsOf: Repository.root.appending(path: "docs/mqtt.md"), encoding: .utf8)
    let types: [String: any Message.Type] = [
      "assayd.birth/1": BirthMessage.self, "assayd.status/1": StatusMessage.self,
      "assayd.verdict/1": VerdictMessage.self, "assayd.result/1": ResultMessage.self,
      "assayd.stats/1": StatsMessage.self, "assayd.answer/1": AnswerMessage.self,
      "assayd.enrol-progress/1": EnrolProgressMessage.self, "assayd.alert/1": AlertMessage.self,
      "assayd.station/1": StationStatusMessage.self,
    ]
    var seen: Set<String> = []
    for block in page.split(separator: "```json\n").dropFirst() {
      let text = try #require(block.split(separator: "```").first)
      let example = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
      let schema = try #require(example["schema"] as? String)
      seen.insert(schema)
      let type = try #require(types[schema], "\(schema) is no message of ours")
      let message = try type.init(payload: Array(text.utf8))
      let encoded = try JSONSerialization.jsonObject(with: Data(try message.encoded()))
      let sent = try #require(encoded as? NSDictionary)
      #expect(Set(keys(of: sent)) == Set(keys(of: example)), "\(schema)")
      #expect(sent == example, "\(schema)")
    }
    #expect(seen == Set(types.keys))
  }

  /// Paths of all keys, as in `times.wait_ms` and `regions.[].peak`.
  private func keys(of value: Any, under path: String = "") -> [String] {
    switch value {
    case let object as [String: Any]:
      object.flatMap { keys(of: $0.value, under: "\(path)\($0.key).") + ["\(path)\($0.key)"] }
    case let array as [Any]:
      array.flatMap { keys(of: $0, under: "\(path)[].") }
    default: []
    }
  }

  /// The limits in the reference are the defaults of the code.
  @Test func limitsInTheReferenceAreTheDefaults() {
    let configuration = MQTTConfiguration(clientID: "x")
    #expect(configuration.connectTimeout == .seconds(10))
    #expect(configuration.keepAlive == 30)
    #expect(configuration.acknowledgeTimeout == .seconds(20))
    #expect(configuration.refusalPause == .seconds(30))
    #expect(configuration.settledAfter == .seconds(10))
    #expect(configuration.backOff == BackOff(first: .milliseconds(500), longest: .seconds(30)))
    #expect(configuration.maximumInFlight == 16)
    #expect(configuration.maximumMessageBytes == 1_048_576)
    #expect(configuration.maximumCommandBytes == 65_536)
    #expect(OutboxLimits() == .init(messages: 1_000_000, bytes: 1_073_741_824, age: .seconds(259_200)))
  }

  @Test func whatIsUnknownIsNullAndNeverAbsent() throws {
    let empty = ResultMessage(
      resultID: ULIDGenerator().next(), bootID: "b", seq: 1, line: "l", partID: nil, partIDSource: nil,
      recipe: nil,
      modelHash: nil, exposureUTC: .now, clockQuality: .arrival,
      times: .init(
        acquireMs: nil, waitMs: nil, inferMs: nil, postMs: nil, totalMs: .infinity, deadlineMet: nil),
      verdict: .error, score: .nan, threshold: nil, reason: nil,
      regions: [
        .init(
          defect: nil, areaPx: 1, areaMm2: nil, bbox: (0, 0, 1, 1), centroid: (0.5, 0.5), polygon: [],
          peak: nil)
      ],
      mask: nil, quality: nil, degradations: [], evidenceURI: nil, isSimulated: false, expected: nil)
    let payload = try empty.encoded()
    let object = try JSONSerialization.jsonObject(with: Data(payload))
    let sent = try #require(object as? [String: Any])
    let full = try JSONSerialization.jsonObject(with: Data(try sampleResult().encoded()))
    #expect(Set(sent.keys) == Set(try #require(full as? [String: Any]).keys))
    for key in [
      "part_id", "part_id_source", "recipe", "model_hash", "score", "threshold", "reason", "mask", "quality",
      "evidence_uri", "expected",
    ] {
      #expect(sent[key] is NSNull, "\(key)")
    }
    #expect((sent["times"] as? [String: Any])?["total_ms"] is NSNull)
    // A reader that finds a key missing must hear of it.
    let text = String(decoding: payload, as: UTF8.self)
    let shortened = text.replacingOccurrences(of: #""score":null,"#, with: "")
    #expect(shortened != text)
    #expect(throws: DecodingError.self) { try ResultMessage(payload: Array(shortened.utf8)) }
  }

  @Test func codeOfOPCFollowsTheVerdict() {
    let codes = Dictionary(
      uniqueKeysWithValues: ReportedVerdict.allCases.map { ($0.rawValue, $0.opcEvaluation) })
    #expect(codes == ["error": 0, "ok": 1, "ng": 2, "undecidable": 3])
    for verdict in ReportedVerdict.allCases {
      let result = sampleResult(verdict: verdict)
      #expect(result.opcEvaluation == verdict.opcEvaluation)
      #expect(VerdictMessage(result).opcEvaluation == verdict.opcEvaluation)
    }
  }

  @Test(arguments: [0, 1, 4, 64, 65, 1000])
  func polygonsHaveAtMost64Corners(count: Int) {
    let corners = (0..<count).map { (x: Double($0), y: 0.0) }
    let region = ResultMessage.Region(
      defect: nil, areaPx: 1, areaMm2: nil, bbox: (0, 0, 1, 1), centroid: (0, 0), polygon: corners, peak: nil)
    #expect(region.polygon.count == min(count, 64))
    let kept = region.polygon.map { $0[0] }
    #expect(kept == kept.sorted() && Set(kept).count == kept.count)
    if count <= 64 { #expect(kept == corners.map(\.x)) }
  }

  @Test func theReplayMarkChangesNothingElse() throws {
    var result = sampleResult()
    // Text that looks like the field, wherever a user may write.
    result.reason = #"He said: "replayed":false, {"replayed":false}"#
    result.partID = #""replayed":false"#
    let marked = try ResultMessage(payload: ReplayMark.set(in: try result.encoded()))
    #expect(marked.replayed)
    var expected = result
    expected.replayed = true
    #expect(marked == expected)
    #expect(ReplayMark.set(in: Array("no JSON at all".utf8)) == Array("no JSON at all".utf8))
    #expect(ReplayMark.set(in: []).isEmpty)
  }
}

@Suite struct UTCTimestampTests {
  /// Foundation's calendar, which nobody here wrote, has the same days.
  @Test func agreesWithFoundation() throws {
    let formatter = ISO8601DateFormatter()
    var generator = SeededGenerator(seed: 7)
    let range = Int64(-9_000_000_000)...9_000_000_000
    let edges: [Int64] = [0, -1, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800, 4_107_542_400]
    for seconds in edges + (0..<2000).map({ _ in Int64.random(in: range, using: &generator) }) {
      let text = UTCTimestamp(nanoseconds: seconds * 1_000_000_000).description
      #expect(text.hasSuffix(".000000000Z"))
      let whole = text.replacingOccurrences(of: ".000000000", with: "")
      #expect(whole == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
      #expect(UTCTimestamp(text) == UTCTimestamp(nanoseconds: seconds * 1_000_000_000))
    }
  }

  @Test func keepsNanoseconds() {
    for nanoseconds in [0, 1, -1, 1_772_346_600_123_456_789, Int64.max, Int64.min] {
      let stamp = UTCTimestamp(nanoseconds: nanoseconds)
      if abs(nanoseconds.quotientAndRemainder(dividingBy: 2).quotient) < 4_600_000_000_000_000_000 {
        #expect(UTCTimestamp(stamp.description) == stamp)
      }
    }
    #expect(UTCTimestamp("2026-03-01T06:30:00Z")?.nanoseconds == 1_772_346_600_000_000_000)
    #expect(UTCTimestamp("2026-03-01T06:30:00.5Z")?.nanoseconds == 1_772_346_600_500_000_000)
  }

  @Test(arguments: [
    "", "2026-03-01", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00",
    "2026-01-01T00:00:00.1234567891Z", "9999-01-01T00:00:00Z", "2026-01-01T00:00:00Z ",
  ])
  func refuses(text: String) {
    #expect(UTCTimestamp(text) == nil)
  }
}

@Suite struct ULIDTests {
  @Test func growsStrictlyAlsoWithinAMillisecondAndWhenTheClockGoesBack() {
    let generator = ULIDGenerator()
    var last = generator.next(milliseconds: 1_772_346_600_000)
    for milliseconds in [1_772_346_600_000, 1_772_346_600_000, 1_772_346_599_000, 0, 1_772_346_600_001]
      as [UInt64]
    {
      let next = generator.next(milliseconds: milliseconds)
      #expect(next > last && next.description > last.description)
      last = next
    }
    #expect(last.milliseconds == 1_772_346_600_001)
  }

  @Test func survivesItsText() throws {
    let generator = ULIDGenerator()
    for _ in 0..<1000 {
      let value = generator.next()
      #expect(value.description.count == 26)
      #expect(ULID(value.description) == value)
      #expect(ULID(value.description.lowercased()) == value)
    }
    // The example of the specification: its first ten characters are the time 1469918176385.
    #expect(ULID("01ARYZ6S41TSV4RRFFQ69G5FAV")?.milliseconds == 1_469_918_176_385)
    #expect(ULID("7ZZZZZZZZZZZZZZZZZZZZZZZZZ") != nil)
  }

  @Test(arguments: [
    "", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAVV", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "01ARYZ6S41TSV4RRFFQ69G5FAU", "01ARYZ6S41TSV4RRFFQ69G5FA-",
  ])
  func refuses(text: String) {
    #expect(ULID(text) == nil)
  }

  @Test func differsBetweenThreads() async {
    let generator = ULIDGenerator()
    let all = await withTaskGroup(of: [ULID].self) { group in
      for _ in 0..<8 { group.addTask { (0..<500).map { _ in generator.next() } } }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(Set(all).count == 4000)
  }
}
