import TestSupport
import Testing

@testable import Evaluation

/// What the counting between anomalous scores has to get right, against counting one by one.
@Suite struct RankedScoresTests {
  private struct Step: Equatable {
    var score: Float
    var normalAbove: Int
    var normalAt: Int
    var labels: [Int32]
  }

  private func steps(_ ranked: RankedScores) -> [Step] {
    var steps: [Step] = []
    ranked.forEachThreshold {
      steps.append(
        Step(score: $0.score, normalAbove: $0.normalAbove, normalAt: $0.normalAt, labels: $0.labels.sorted()))
    }
    return steps
  }

  /// Few and many distinct scores, in one octave and over many, with ties between both classes.
  @Test(arguments: [(3, 1.0), (40, 1.0), (5000, 1.0), (5000, 1e12), (100_000, -1.0)])
  func everyScoreIsCountedInItsPlace(levels: Int, spread: Double) {
    var generator = SeededGenerator(seed: UInt64(levels))
    func score() -> Float {
      let level = Double(Int.random(in: 0...levels, using: &generator)) / Double(levels)
      return Float(spread > 1 ? (level - 0.5) * spread * level * level : level * spread)
    }
    let anomalous = (0..<700).map { _ in score() }
    let labels = anomalous.indices.map { Int32($0 % 7) }
    let normal = (0..<4000).map { _ in score() } + [Float.infinity, -.infinity, 0, -0.0]
    var ranked = RankedScores(anomalous: anomalous, labels: labels)
    for score in normal { ranked.count(normal: score) }

    let distinct = Set(anomalous).sorted(by: >)
    var expected: [Step] = []
    for (index, score) in distinct.enumerated() {
      expected.append(
        Step(
          score: score,
          normalAbove: normal.count { $0 > score && (index == 0 || $0 < distinct[index - 1]) },
          normalAt: normal.count { $0 == score },
          labels: zip(anomalous, labels).filter { $0.0 == score }.map(\.1).sorted()))
    }
    #expect(steps(ranked) == expected)
    #expect(ranked.normalBelow == normal.count { $0 < distinct[distinct.count - 1] })
    #expect(ranked.normalCount == normal.count && ranked.anomalousCount == 700 && !ranked.holdsNaN)
  }

  @Test func withoutAnomalousScoresAllLieBelow() {
    var ranked = RankedScores(anomalous: [])
    ranked.count(normal: [1, 2, 3], outside: [false, true, false])
    #expect(ranked.normalBelow == 2 && ranked.normalCount == 2 && steps(ranked).isEmpty)
  }

  @Test func whatIsNoNumberIsNoticed() {
    #expect(RankedScores(anomalous: [1, .nan]).holdsNaN)
    var ranked = RankedScores(anomalous: [1])
    ranked.count(normal: .nan)
    #expect(ranked.holdsNaN && RankingMetrics(ranked) == nil)
  }

  @Test func coarseThresholdsCountWhatLiesAbove() {
    var generator = SeededGenerator(seed: 5)
    let scores = (0..<3000).map { _ in Float.random(in: 0.1...0.7, using: &generator) } + [0.1, 0.7, 0.4]
    var coarse = CoarseThresholds(lowest: 0.1, highest: 0.7)
    coarse.count(normal: scores, outside: nil)
    #expect(coarse.normalAbove == coarse.values.map { value in scores.count { Double($0) > value } })
    var flat = CoarseThresholds(lowest: 0.5, highest: 0.5)
    flat.count(normal: [0.5, 0.5], outside: nil)
    #expect(flat.normalAbove.allSatisfy { $0 == 0 })
  }
}
