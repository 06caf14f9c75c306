import Foundation
import TestSupport
import Testing

@testable import Evaluation

@Suite struct RankingMetricsTests {
  @Test func theWorkedExampleIsReproduced() throws {
    let metrics = try #require(
      RankingMetrics(
        scores: [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.2, 0.9],
        isAnomalous: [false, false, true, true, false, true, false, true]))
    #expect(metrics.auroc == 0.8125)
    #expect(abs(metrics.averagePrecision - 0.8166667) < 1e-7)
    #expect(abs(metrics.f1Max - 0.8) < 1e-12)
    #expect(metrics.f1Threshold == 0.35)
  }

  @Test func whatCannotBeRankedIsNil() {
    #expect(RankingMetrics(scores: [], isAnomalous: []) == nil)
    #expect(RankingMetrics(scores: [1, 2], isAnomalous: [true, true]) == nil)
    #expect(RankingMetrics(scores: [1, 2], isAnomalous: [false, false]) == nil)
    #expect(RankingMetrics(scores: [1, .nan], isAnomalous: [true, false]) == nil)
  }

  private static let orders: [([Float], [Bool], Double)] = [
    ([Float.infinity, 0, -0.0, -Float.infinity], [true, true, false, false], 0.875),
    ([-1, -2, -3], [true, false, false], 1), ([-3, -2, -1], [true, false, false], 0),
    ([5, 5, 5, 5], [true, false, true, false], 0.5),
  ]

  @Test(arguments: orders) func signsInfinitiesAndTiesAreOrdered(
    scores: [Float], labels: [Bool], auroc: Double
  ) {
    #expect(RankingMetrics(scores: scores, isAnomalous: labels)?.auroc == auroc)
  }

  /// 300,000 scores in two values: the pairs no longer fit 32 bits.
  @Test func countsDoNotOverflow() throws {
    let half = 150_000
    let metrics = try #require(
      RankingMetrics(
        scores: [Float](repeating: 1, count: half) + [Float](repeating: 0, count: half),
        isAnomalous: [Bool](repeating: true, count: half) + [Bool](repeating: false, count: half)))
    #expect(metrics.auroc == 1 && metrics.averagePrecision == 1 && metrics.f1Max == 1)
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)")) func scikitLearnAgrees() throws {
    struct Case: Codable {
      var scores: [Float]
      var labels: [Int]
    }
    struct Answer: Codable {
      var auroc: Double
      var ap: Double
      var f1: Double
    }
    var generator = SeededGenerator(seed: 9)
    let cases = (0..<40).map { number in
      let count = Int.random(in: 2...800, using: &generator)
      // Coarse scores make ties; rare defects make small classes.
      let steps = [3, 20, 100_000][number % 3]
      let rate = [0.5, 0.02][number % 2]
      var labels = (0..<count).map { _ in Double.random(in: 0...1, using: &generator) < rate ? 1 : 0 }
      labels[0] = 1
      labels[1] = 0
      return Case(
        scores: labels.map {
          Float(Int.random(in: 0...steps, using: &generator) + $0 * steps / 4) / Float(steps)
        },
        labels: labels)
    }
    let folder = try TemporaryFolder()
    try JSONEncoder().encode(cases).write(to: folder.file("cases.json"))
    let answers = try JSONDecoder().decode(
      [Answer].self, from: try Oracle.run("ranking_metrics", [folder.file("cases.json").path]))
    #expect(answers.count == cases.count)
    for (example, answer) in zip(cases, answers) {
      let metrics = try #require(
        RankingMetrics(scores: example.scores, isAnomalous: example.labels.map { $0 == 1 }))
      #expect(abs(metrics.auroc - answer.auroc) < 1e-6)
      #expect(abs(metrics.averagePrecision - answer.ap) < 1e-6)
      #expect(abs(metrics.f1Max - answer.f1) < 1e-6)
    }
  }
}
