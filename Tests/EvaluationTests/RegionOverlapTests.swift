import Compute
import Foundation
import Imaging
import TestSupport
import Testing

@testable import Evaluation

@Suite struct RegionOverlapTests {
  @Test func theWorkedExampleIsReproduced() throws {
    let first = Matrix(
      rows: 4, columns: 4,
      values: [0.9, 0.8, 0.3, 0.1, 0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0.3, 0.6, 0.1, 0.1, 0.2, 0.1])
    var second = Matrix(rows: 4, columns: 4, values: [Float](repeating: 0.1, count: 16))
    second[1, 1] = 0.3
    second[2, 2] = 0.7
    let mask = Mask(width: 4, height: 4, bits: "1100100000010000".map { $0 == "1" })
    let overlap = try #require(RegionOverlap([(first, mask), (second, Mask(width: 4, height: 4))]))
    #expect(abs(overlap.exact - 0.8412698) < 1e-7)
    #expect(abs(overlap.with200Thresholds - 0.7777778) < 1e-7)
    let pixel = try #require(
      RankingMetrics(
        scores: first.values + second.values, isAnomalous: mask.bits + [Bool](repeating: false, count: 16)))
    #expect(abs(pixel.auroc - 0.9464286) < 1e-7)
  }

  @Test func withoutRegionsOrWithoutDefectFreePixelsThereIsNothing() {
    let map = Matrix(rows: 2, columns: 2)
    #expect(RegionOverlap([]) == nil)
    #expect(RegionOverlap([(map, Mask(width: 2, height: 2))]) == nil)
    #expect(RegionOverlap([(map, Mask(width: 2, height: 2, bits: [true, true, true, true]))]) == nil)
  }

  @Test func aPerfectMapHasTheWholeArea() throws {
    let mask = Mask(width: 3, height: 1, bits: [true, false, false])
    let perfect = try #require(RegionOverlap([(Matrix(rows: 1, columns: 3, values: [1, 0.5, 0]), mask)]))
    #expect(perfect.exact == 1)
    // All equal: one point at (1, 1), so the curve is the diagonal.
    let blind = try #require(RegionOverlap([(Matrix(rows: 1, columns: 3), mask)]))
    #expect(abs(blind.exact - 0.15) < 1e-12)
    #expect(blind.with200Thresholds == 0)
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)")) func scipyAndNumPyAgree() throws {
    struct Case: Codable {
      var side: Int
      var maps: [[Float]]
      var masks: [[Int]]
    }
    struct Answer: Codable {
      var exact: Double
      var thresholds200: Double
      var regions: Int
    }
    var generator = SeededGenerator(seed: 21)
    let cases = (0..<12).map { number in
      let side = Int.random(in: 4...40, using: &generator)
      let steps: Float = number % 2 == 0 ? 12 : 1e6
      var maps: [[Float]] = []
      var masks: [[Int]] = []
      for picture in 0..<5 {
        // The last picture is a good part.
        let density = picture == 4 ? 0 : Double.random(in: 0.02...0.5, using: &generator)
        let mask = (0..<side * side).map { _ in Double.random(in: 0...1, using: &generator) < density ? 1 : 0
        }
        masks.append(mask)
        maps.append(
          mask.map {
            (Float.random(in: 0...1, using: &generator) * steps + Float($0) * steps * 0.7).rounded() / steps
          })
      }
      return Case(side: side, maps: maps, masks: masks)
    }
    let folder = try TemporaryFolder()
    try JSONEncoder().encode(cases).write(to: folder.file("cases.json"))
    let answers = try JSONDecoder().decode(
      [Answer].self, from: try Oracle.run("region_overlap", [folder.file("cases.json").path]))
    #expect(answers.count == cases.count)
    for (example, answer) in zip(cases, answers) {
      let overlap = try #require(
        RegionOverlap(
          zip(example.maps, example.masks).map {
            (
              Matrix(rows: example.side, columns: example.side, values: $0),
              Mask(width: example.side, height: example.side, bits: $1.map { $0 == 1 })
            )
          }))
      #expect(answer.regions > 1)
      #expect(abs(overlap.exact - answer.exact) < 1e-6)
      #expect(abs(overlap.with200Thresholds - answer.thresholds200) < 1e-6)
    }
  }
}
