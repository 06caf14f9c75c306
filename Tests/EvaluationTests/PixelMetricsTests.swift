import Compute
import Foundation
import Imaging
import TestSupport
import Testing

@testable import Evaluation

@Suite struct PixelMetricsTests {
  private func metrics(_ pictures: [(map: Matrix, mask: Mask)]) -> PixelMetrics {
    PixelMetrics(count: pictures.count) { index in
      PixelMetrics.Sample(
        kind: pictures[index].mask.bits.contains(true) ? "spot" : nil, map: pictures[index].map,
        mask: pictures[index].mask)
    }
  }

  @Test func theWorkedExampleIsReproduced() throws {
    let first = Matrix(
      rows: 4, columns: 4,
      values: [0.9, 0.8, 0.3, 0.1, 0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0.3, 0.6, 0.1, 0.1, 0.2, 0.1])
    var second = Matrix(rows: 4, columns: 4, values: [Float](repeating: 0.1, count: 16))
    second[1, 1] = 0.3
    second[2, 2] = 0.7
    let mask = Mask(width: 4, height: 4, bits: "1100100000010000".map { $0 == "1" })
    let metrics = metrics([(first, mask), (second, Mask(width: 4, height: 4))])
    let overlap = try #require(metrics.overlap)
    #expect(abs(overlap.exact - 0.8412698) < 1e-7)
    #expect(abs(overlap.with200Thresholds - 0.7777778) < 1e-7)
    let pixel = try #require(metrics.ranking)
    #expect(abs(pixel.auroc - 0.9464286) < 1e-7)
  }

  @Test func withoutRegionsOrWithoutDefectFreePixelsThereIsNothing() {
    let map = Matrix(rows: 2, columns: 2)
    #expect(metrics([]).overlap == nil)
    #expect(metrics([(map, Mask(width: 2, height: 2))]).overlap == nil)
    let full = metrics([(map, Mask(width: 2, height: 2, bits: [true, true, true, true]))])
    #expect(full.overlap == nil && full.ranking == nil)
    let unknown = Matrix(rows: 2, columns: 2, values: [0, .nan, 0, 1])
    #expect(
      metrics([(unknown, Mask(width: 2, height: 2, bits: [true, false, false, false]))]).overlap == nil)
  }

  @Test func aPerfectMapHasTheWholeArea() throws {
    let mask = Mask(width: 3, height: 1, bits: [true, false, false])
    let perfect = try #require(
      metrics([(Matrix(rows: 1, columns: 3, values: [1, 0.5, 0]), mask)]).overlap)
    #expect(perfect.exact == 1)
    // All equal: one point at (1, 1), so the curve is the diagonal.
    let blind = try #require(metrics([(Matrix(rows: 1, columns: 3), mask)]).overlap)
    #expect(abs(blind.exact - 0.15) < 1e-12)
    #expect(blind.with200Thresholds == 0)
  }

  @Test(.enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func scikitLearnAndSciPyAgree() throws {
    struct Case: Codable {
      var side: Int
      var maps: [[Float]]
      var masks: [[Int]]
      /// Of each picture; empty for a good part.
      var kinds: [String]
    }
    struct Answer: Codable {
      var exact: Double
      var thresholds200: Double
      var regions: Int
      var auroc: Double
      var ap: Double
      var f1: Double
      var kinds: [String: Double]
    }
    var generator = SeededGenerator(seed: 21)
    let kinds = ["dent", "scratch", "dent", "scratch", ""]
    let cases = (0..<12).map { number in
      let side = Int.random(in: 4...40, using: &generator)
      let steps: Float = number % 2 == 0 ? 12 : 1e6
      var maps: [[Float]] = []
      var masks: [[Int]] = []
      for kind in kinds {
        let density = kind.isEmpty ? 0 : Double.random(in: 0.02...0.5, using: &generator)
        var mask = (0..<side * side).map { _ in
          Double.random(in: 0...1, using: &generator) < density ? 1 : 0
        }
        if !kind.isEmpty { mask[0] = 1 }
        masks.append(mask)
        maps.append(
          mask.map {
            (Float.random(in: 0...1, using: &generator) * steps + Float($0) * steps * 0.7).rounded() / steps
          })
      }
      return Case(side: side, maps: maps, masks: masks, kinds: kinds)
    }
    let folder = try TemporaryFolder()
    try JSONEncoder().encode(cases).write(to: folder.file("cases.json"))
    let answers = try JSONDecoder().decode(
      [Answer].self, from: try Oracle.run("pixel_metrics", [folder.file("cases.json").path]))
    #expect(answers.count == cases.count)
    for (example, answer) in zip(cases, answers) {
      let side = example.side
      let metrics = PixelMetrics(count: example.maps.count) { index in
        PixelMetrics.Sample(
          kind: kinds[index].isEmpty ? nil : kinds[index],
          map: Matrix(rows: side, columns: side, values: example.maps[index]),
          mask: kinds[index].isEmpty
            ? nil : Mask(width: side, height: side, bits: example.masks[index].map { $0 == 1 }))
      }
      let overlap = try #require(metrics.overlap)
      let ranking = try #require(metrics.ranking)
      #expect(answer.regions > 1)
      #expect(abs(overlap.exact - answer.exact) < 1e-9)
      #expect(abs(overlap.with200Thresholds - answer.thresholds200) < 1e-9)
      #expect(abs(ranking.auroc - answer.auroc) < 1e-9)
      #expect(abs(ranking.averagePrecision - answer.ap) < 1e-9)
      #expect(abs(ranking.f1Max - answer.f1) < 1e-9)
      #expect(metrics.aurocByKind.keys.sorted() == ["dent", "scratch"])
      for (kind, auroc) in answer.kinds {
        #expect(abs((metrics.aurocByKind[kind] ?? 0) - auroc) < 1e-9, "\(kind)")
      }
      // The drawn curve runs from corner to corner and encloses the same area, but for what thinning leaves out.
      let points = ranking.curve.points
      #expect(points.first == .init(rate: 0, value: 0) && points.last == .init(rate: 1, value: 1))
      let drawn = zip(points, points.dropFirst()).reduce(0) {
        $0 + ($1.1.rate - $1.0.rate) * ($1.0.value + $1.1.value) / 2
      }
      #expect(abs(drawn - ranking.auroc) < 0.005)
    }
  }
}
