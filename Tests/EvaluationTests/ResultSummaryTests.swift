import Foundation
import Imaging
import Inspection
import Testing

@testable import Evaluation

@Suite struct ResultSummaryTests {
  private static let millisecond: Int64 = 1_000_000

  /// One result each 100 ms, 40 ms after its exposure, unless said otherwise.
  private func result(
    _ number: Int, line: String = "mono", _ verdict: Verdict, _ expected: String?, score: Double? = nil,
    threshold: Double? = 0.5, latency: Int64 = 40, isReplayed: Bool = false
  ) -> ObservedResult {
    let arrival = Int64(number) * 100 * Self.millisecond
    return ObservedResult(
      id: "\(line)\(number)", line: line, verdict: verdict, expected: expected, score: score,
      threshold: threshold, exposure: arrival - latency * Self.millisecond, arrival: arrival,
      isReplayed: isReplayed)
  }

  private func report(_ results: [ObservedResult], frames: [String: ResultReport.Frames] = [:])
    -> ResultReport
  {
    var summary = ResultSummary()
    for result in results { summary.add(result) }
    return summary.report(frames: frames)
  }

  private func counts(_ verdicts: ResultReport.Verdicts) -> [Int] {
    [verdicts.ok, verdicts.ng, verdicts.undecidable, verdicts.error]
  }

  @Test func verdictsAreCountedByWhatIsKnown() throws {
    let report = report([
      result(1, .ok, "good"), result(2, .ok, "good"), result(3, .ng, "good"), result(4, .ok, "crack"),
      result(5, .ng, "crack"), result(6, .ng, "hole"), result(7, .ng, "hole"),
      result(8, .undecidable, "hole"),
      result(9, .error, nil), result(10, line: "poly", .ok, "good"),
    ])
    let mono = try #require(report.lines["mono"])
    #expect(counts(mono.good) == [2, 1, 0, 0])
    #expect(counts(mono.defective) == [1, 3, 1, 0])
    #expect(counts(mono.unlabelled) == [0, 0, 0, 1])
    #expect(mono.results == 9)
    #expect(counts(report.total.good) == [3, 1, 0, 0])
    #expect(report.total.results == 10 && report.lines.count == 2)
  }

  @Test func aCopyCountsOnce() {
    var summary = ResultSummary()
    let isNew = [false, true].map { summary.add(result(1, .ok, "good", isReplayed: $0)) }
    #expect(isNew == [true, false])
    #expect(summary.report().total.results == 1)
  }

  /// Within each line every defect scores above every good part. One line's scores are ten times the other's: only as
  /// fractions of the thresholds are all of them in order.
  @Test func linesAreRankedByTheirThresholds() throws {
    let report = report([
      result(1, .ok, "good", score: 0.1), result(2, .ng, "crack", score: 0.6),
      result(3, line: "poly", .ok, "good", score: 1, threshold: 5),
      result(4, line: "poly", .ng, "hole", score: 6, threshold: 5),
      result(5, .undecidable, "hole"), result(6, .ng, nil, score: 0.01),
    ])
    #expect(report.lines["mono"]?.imageAUROC == 1)
    #expect(report.lines["poly"]?.imageAUROC == 1)
    #expect(report.total.imageAUROC == 1)
  }

  @Test func anAUROCIsThatOfTheMetric() throws {
    let scores: [Float] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.2, 0.9]
    let isDefective = [false, false, true, true, false, true, false, true]
    let report = report(
      scores.indices.map {
        result($0 + 1, .ok, isDefective[$0] ? "crack" : "good", score: Double(scores[$0]))
      })
    #expect(report.lines["mono"]?.imageAUROC == 0.8125)
    #expect(report.total.imageAUROC == 0.8125)
  }

  /// 1 to 200 ms in disorder: the 100th and the 198th value.
  @Test func latenciesAreQuantilesOfNearestRank() throws {
    let report = report((1...200).map { result($0, .ok, nil, latency: Int64($0 * 77 % 200 + 1)) })
    let latency = try #require(report.total.latency)
    #expect(latency == ResultReport.Latency(p50: 100, p99: 198))
    #expect(report.lines["mono"]?.latency == latency)
  }

  @Test func oneResultIsItsOwnQuantileAndHasNoRate() throws {
    let report = report([result(1, .ok, nil, latency: 7)])
    #expect(report.total.latency == ResultReport.Latency(p50: 7, p99: 7))
    #expect(report.total.framesPerSecond == nil && report.total.imageAUROC == nil)
  }

  /// Two lines at 10 results a second each; what came late would halve the rate and add an hour.
  @Test func ratesAndLatenciesLeaveOutWhatCameLate() throws {
    var results = (1...11).flatMap { [result($0, .ok, nil), result($0, line: "poly", .ok, nil)] }
    results.append(result(30, .ok, nil, latency: 3_600_000, isReplayed: true))
    let report = report(results)
    let rate = try #require(report.lines["mono"]?.framesPerSecond)
    let all = try #require(report.total.framesPerSecond)
    #expect(abs(rate - 10) < 1e-9 && abs(all - 20) < 1e-9)
    #expect(report.total.latency == ResultReport.Latency(p50: 40, p99: 40))
    #expect(report.lines["mono"]?.results == 12)
  }

  @Test func framesAreAddedUp() throws {
    let report = report(
      [result(1, .ok, nil)],
      frames: [
        "mono": .init(captured: 10, judged: 6, replaced: 3, rejected: ["corrupt": 1]),
        "poly": .init(captured: 5, judged: 1, replaced: 1, rejected: ["corrupt": 1, "truncated": 2]),
      ])
    #expect(report.lines["poly"]?.results == 0)
    #expect(
      report.total.frames
        == .init(captured: 15, judged: 7, replaced: 4, rejected: ["corrupt": 2, "truncated": 2]))
  }

  @Test func whatIsUnknownIsNull() throws {
    let data = try JSONEncoder().encode(report([]))
    let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let total = try #require(object?["total"] as? [String: Any])
    for key in ["image_auroc", "frames_per_second", "latency_ms", "frames"] {
      #expect(total[key] is NSNull, "\(key)")
    }
  }
}

@Suite struct ArrivingSheetTests {
  private func result(_ id: String, _ verdict: Verdict, _ expected: String?, score: Double) -> ObservedResult
  {
    ObservedResult(
      id: id, line: "mono", part: "test/\(id).png", verdict: verdict, expected: expected, score: score,
      threshold: 0.5, exposure: 0, arrival: 1)
  }

  private func picture(_ grey: UInt8) -> Picture {
    Picture(width: 16, height: 16, pixels: Array(repeating: grey, count: 16 * 16 * 3))
  }

  /// Which part it is can be told from the grey of its picture: a hundred times the score.
  private func heatMap(_ score: Double) throws -> [UInt8] {
    try picture(UInt8(score * 100)).jpegData(quality: 100)
  }

  private func greys(_ section: ContactSheet.Section) -> [UInt8] {
    section.cells.map { $0.picture.pixels[0] }
  }

  @Test func theClearestOfEachKindStay() throws {
    var sheet = ArrivingSheet(each: 2)
    let parts: [(Verdict, String, Double)] = [
      (.ng, "crack", 0.6), (.ng, "hole", 0.9), (.ng, "crack", 0.7), (.ok, "crack", 0.4), (.ok, "hole", 0.1),
      (.ok, "hole", 0.3), (.ok, "good", 0.2), (.ng, "good", 0.55), (.undecidable, "good", 0.2),
    ]
    for (number, (verdict, expected, score)) in parts.enumerated() {
      let id = "\(number)"
      let map = try heatMap(score)
      // In either order.
      if number % 2 == 0 { sheet.add(heatMap: map, of: id) }
      sheet.add(result(id, verdict, expected, score: score))
      if number % 2 == 1 { sheet.add(heatMap: map, of: id) }
    }
    sheet.add(result("without a map", .ng, "crack", score: 0.99))
    sheet.add(result("without a label", .ng, nil, score: 0.99))
    let sections = try sheet.sheet(title: "test").sections
    #expect(
      sections.map(\.title) == [
        "Defects found: 4", "Defects missed: 3", "Good parts passed: 1", "Good parts rejected: 1",
      ])
    #expect(sections.map(greys) == [[90, 70], [10, 30], [20], [55]])
    #expect(sections[0].cells[0].caption == ["hole / mono / 1.png", "ng  0.900 (NG above 0.500)"])
  }

  /// Heat maps whose results never come, and results without a heat map, do not add up.
  @Test func whatWaitsIsBounded() throws {
    var sheet = ArrivingSheet(each: 1)
    let early = try heatMap(0.8)
    sheet.add(heatMap: early, of: "early")
    for number in 0..<32 { sheet.add(heatMap: [], of: "\(number)") }
    sheet.add(result("early", .ng, "crack", score: 0.8))
    #expect(greys(try sheet.sheet(title: "").sections[0]) == [])
    for number in 0..<512 { sheet.add(result("x\(number)", .ok, "good", score: 0.1)) }
    sheet.add(heatMap: early, of: "early")
    #expect(greys(try sheet.sheet(title: "").sections[0]) == [])
    sheet.add(heatMap: early, of: "x511")
    #expect(greys(try sheet.sheet(title: "").sections[2]) == [80])
  }

  @Test func aDamagedHeatMapIsNamed() throws {
    var sheet = ArrivingSheet()
    sheet.add(heatMap: [1, 2, 3], of: "a")
    sheet.add(result("a", .ng, "crack", score: 0.8))
    #expect(throws: ImageError.self) { try sheet.sheet(title: "") }
  }
}
