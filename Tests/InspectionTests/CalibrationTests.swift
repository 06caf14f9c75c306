import Compute
import Foundation
import Imaging
import TestSupport
import Testing

@testable import Inspection

@Suite struct CalibrationTests {
  private func calibration(
    _ scores: [Float], rate: Double, _ evidence: Calibration.Evidence = .heldOutPictures,
    reduced: Bool = false
  ) throws -> Calibration {
    try Calibration(
      readings: scores.enumerated().map { .init(name: "good-\($0)", score: $1, peak: $1 * 1.5) },
      evidence: evidence, falseAlarmRate: rate, bankHash: "bank", bankIsReduced: reduced)
  }

  /// ceil((n + 1)(1 - rate)) where that is at most n.
  @Test(arguments: [
    (99, 0.01, 99, 0.01), (199, 0.01, 198, 0.01), (19, 0.05, 19, 0.05), (20, 0.05, 20, 1.0 / 21),
    (9, 0.1, 9, 0.1), (10, 0.3, 8, 3.0 / 11), (1, 0.5, 1, 0.5), (38, 0.05, 38, 1.0 / 39),
    (39, 0.05, 38, 0.05),
  ])
  func theConformalRankIsUsedWhereItExists(count: Int, rate: Double, rank: Int, promised: Double) throws {
    let scores = (1...count).map { Float($0) / 100 }.shuffled()
    let limit = try calibration(scores, rate: rate).imageLimit
    #expect(limit.basis == .conformal && limit.rank == rank)
    #expect(limit.value == Float(rank) / 100)
    #expect(abs((limit.promisedRate ?? 1) - promised) < 1e-12)
    #expect((limit.promisedRate ?? 1) <= rate + 1e-12)
  }

  @Test(arguments: [(98, 0.01), (18, 0.05), (8, 0.1), (4, 0.01), (1, 0.05)])
  func tooFewScoresAreExtrapolatedAndSaySo(count: Int, rate: Double) throws {
    let scores = (0..<count).map { 0.1 + 0.01 * Float($0 % 5) }
    let result = try calibration(scores, rate: rate)
    #expect(result.imageLimit.basis == .extrapolated && result.imageLimit.rank == nil)
    #expect(result.imageLimit.value >= (scores.max() ?? 0))
    #expect(result.imageLimit.promisedRate == 1 / Double(count + 1))
    let text = result.explanation.joined(separator: " ")
    #expect(text.contains("cannot promise"))
    #expect(text.contains(String(format: "takes %.0f", (1 / rate - 1).rounded(.up))))
    #expect(text.contains("calibrate on"))
  }

  /// One score, worked by hand: exp(ln 0.1 + t(0.95, 8) x 0.15 x sqrt 2), t(0.95, 8) = 1.8595480.
  @Test func thePredictionLimitIsTheDocumentedFormula() throws {
    let one = Calibration.Limit.predictionLimit([0.1], rate: 0.05)
    #expect(abs(Double(one) - 0.1 * exp(1.8595480 * 0.15 * 2.0.squareRoot())) < 1e-7)
    // Three logs -2, -2.5, -3: squares 0.5, degrees 10, t(0.99, 10) = 2.7637695.
    let three = Calibration.Limit.predictionLimit([-2, -2.5, -3].map { Float(exp($0)) }, rate: 0.01)
    let deviation = ((8 * 0.0225 + 0.5) / 10).squareRoot()
    #expect(abs(Double(three) - exp(-2.5 + 2.7637695 * deviation * (4.0 / 3).squareRoot())) < 1e-6)
  }

  /// The promise itself: however the scores are distributed, a new one exceeds the limit at most at the rate.
  @Test func thePromiseIsKeptOnFreshScores() throws {
    var generator = SeededGenerator(seed: 3)
    let draw: [() -> Float] = [
      { Float.random(in: 0...1, using: &generator) },
      { -Float(log(Double.random(in: 1e-9...1, using: &generator))) },
      // Two kinds of part, and many equal scores.
      { Bool.random(using: &generator) ? 0.1 : Float(Int.random(in: 0...3, using: &generator)) / 4 },
    ]
    for sample in draw {
      var alarms = 0
      let rounds = 4000
      for _ in 0..<rounds {
        let limit = Calibration.Limit(
          above: (0..<19).map { _ in sample() }, rate: 0.05, evidence: .heldOutPictures)
        if sample() > limit.value { alarms += 1 }
      }
      // 5 % of 4000 is 200 with a standard deviation of 14.
      #expect(alarms < 200 + 4 * 14)
    }
  }

  /// Leave-one-out over a bank of nearest neighbours keeps the promise too, though its banks are smaller.
  @Test func leaveOneOutKeepsThePromise() throws {
    var generator = SeededGenerator(seed: 4)
    func point() -> [Float] { (0..<3).map { _ in Float.random(in: 0...1, using: &generator) } }
    func distance(_ a: [Float], _ others: [[Float]]) -> Float {
      others.map { zip(a, $0).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }.min() ?? 0
    }
    var alarms = 0
    let rounds = 3000
    for _ in 0..<rounds {
      let bank = (0..<9).map { _ in point() }
      let scores = bank.indices.map { index in
        distance(bank[index], bank.indices.filter { $0 != index }.map { bank[$0] })
      }
      let limit = Calibration.Limit(above: scores, rate: 0.2, evidence: .leaveOneOut)
      if distance(point(), bank) > limit.value { alarms += 1 }
    }
    // 20 % of 3000 is 600 with a standard deviation of 22.
    #expect(alarms < 600 + 4 * 22)
    #expect(alarms > 300)
  }

  @Test(arguments: [
    (0.5, 3.0, 0.0), (0.95, 1.0, 6.313751514675043), (0.99, 10.0, 2.763769458112696),
    (0.975, 30.0, 2.042272456301238), (0.999, 2.0, 22.327124770119873), (0.95, 8.0, 1.8595480375228424),
  ])
  func studentsQuantilesAreThoseOfTheTables(p: Double, degrees: Double, expected: Double) {
    #expect(abs(StudentT.quantile(p, degrees: degrees) - expected) < 1e-9 * max(1, expected))
  }

  @Test func referencesAreScoredAgainstAllOthers() throws {
    let encoder = ColourEncoder()
    let references = Part.references(4)
    let bank = try MemoryBank.build(references: references, encoder: encoder, options: .small(views: .four))
    var progress: [Int] = []
    let result = try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: .reference, falseAlarmRate: 0.2
    ) { done, _ in progress.append(done) }
    #expect(progress == [1, 2, 3, 4])
    #expect(result.evidence == .leaveOneOut && result.readings.map(\.name) == references.map(\.name))
    #expect(result.imageLimit.basis == .conformal && result.imageLimit.rank == 4)

    // The same by banks that never held the reference.
    for (index, reference) in references.enumerated() {
      var others = references
      others.remove(at: index)
      let scorer = try Scorer(
        encoder: encoder,
        bank: try MemoryBank.build(references: others, encoder: encoder, options: .small(views: .four)),
        search: .reference)
      let scores = scorer.scores(
        of: try scorer.features(of: scorer.extractor.input(reference.picture)))
      #expect(abs(result.readings[index].score - scores.image) < 1e-6)
      #expect(abs(result.readings[index].peak - (scores.map.values.max() ?? 0)) < 1e-6)
    }
    #expect(result.explanation.joined().contains("each scored against a bank of the other 3"))
  }

  @Test func oneReferenceStandsInForAnotherPartAndPromisesNothing() throws {
    let encoder = ColourEncoder()
    let references = Part.references(1)
    let bank = try MemoryBank.build(references: references, encoder: encoder, options: .small())
    let result = try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: .reference, falseAlarmRate: 0.5)
    #expect(result.evidence == .heldOutViews && result.readings.count == 1)
    #expect(result.imageLimit.basis == .extrapolated && result.imageLimit.promisedRate == nil)
    #expect(result.readings[0].score > 0)
    let text = result.explanation.joined(separator: " ")
    #expect(text.contains("only one reference") && text.contains("Nothing is promised"))
  }

  @Test func heldOutPicturesAreScoredAgainstTheWholeBank() throws {
    let encoder = ColourEncoder()
    let bank = try MemoryBank.build(references: Part.references(2), encoder: encoder, options: .small())
    let pictures = (10..<14).map { Reference(name: "\($0)", picture: Part.good(seed: UInt64($0))) }
    let result = try Calibration.onPictures(
      pictures, bank: bank, encoder: encoder, search: .reference, falseAlarmRate: 0.25)
    #expect(result.evidence == .heldOutPictures && result.readings.count == 4)
    #expect(result.imageLimit.rank == 4)
    let inBank = try Calibration.onPictures(
      Part.references(2), bank: bank, encoder: encoder, search: .reference, falseAlarmRate: 0.25)
    #expect(inBank.readings.allSatisfy { $0.score < 1e-5 })
  }

  @Test func theHeatMapScaleIsFixedAroundThePixelThreshold() throws {
    let result = try calibration([0.1, 0.2, 0.3, 0.4], rate: 0.2)
    #expect(result.heatMap.low == Float(0.2) * 1.5)
    #expect(result.pixelLimit.value == Float(0.4) * 1.5)
    #expect(abs((2 * result.heatMap.low + result.heatMap.high) / 3 - result.pixelLimit.value) < 1e-6)
    let equal = try calibration([0, 0, 0, 0], rate: 0.2)
    #expect(equal.heatMap.low < equal.heatMap.high)
  }

  @Test func aCalibrationSurvivesJSON() throws {
    for result in [try calibration([0.1, 0.2], rate: 0.01), try calibration([0.1, 0.2], rate: 0.4)] {
      #expect(try JSONDecoder().decode(Calibration.self, from: JSONEncoder().encode(result)) == result)
    }
  }

  @Test func theExplanationNamesTheNumbers() throws {
    let text = try calibration((1...99).map { Float($0) / 100 }, rate: 0.01).explanation
    #expect(
      text == [
        "Asked for: of good parts, at most 1 % are called NG.",
        "Chosen from 99 pictures of good parts that are not in the memory bank.",
        "Their scores are 0.0100 to 0.9900, median 0.5000.",
        "The threshold is 0.9900, the 99th lowest of the 99 scores. A further good part exceeds it with a "
          + "probability of at most 1 %, whatever the distribution of the scores, as long as the parts keep coming "
          + "from the same process (conformal prediction).",
        "Pixels above 1.4850 make a region, chosen in the same way from the highest value of each good part's map, "
          + "so that good parts rarely show one. Heat maps run from 0.7500 to 2.9550 on every picture.",
      ])
    let reduced = try calibration([0.1, 0.2], rate: 0.4, .leaveOneOut, reduced: true).explanation
    #expect(reduced[1].contains("only approximately"))
  }

  @Test(arguments: [0, -0.1, 0.6, .nan]) func ratesOutOfRangeAreRefused(rate: Double) {
    let error = #expect(throws: InspectionError.self) { try calibration([0.1], rate: rate) }
    #expect(error?.description.contains("choose 0.0001 to 0.5") == true)
  }

  @Test(arguments: [[Float](), [.nan], [0.1, .infinity], [-0.1]]) func scoresThatAreNoneAreRefused(
    scores: [Float]
  ) {
    #expect(throws: InspectionError.self) { try calibration(scores, rate: 0.1) }
  }
}
