import Compute
import Foundation
import TestSupport
import Testing

@testable import Imaging

@Suite("Score maps: larger and smoother")
struct MapTests {
  /// Upsampling from its definition, one output at a time in double precision.
  private func reference(_ map: Matrix, rows: Int, columns: Int) -> [Double] {
    func place(_ i: Int, _ input: Int, _ output: Int) -> (Int, Int, Double) {
      let at = max(0, (Double(i) + 0.5) * Double(input) / Double(output) - 0.5)
      let first = min(Int(at), input - 1)
      return (first, min(first + 1, input - 1), min(at, Double(input - 1)) - Double(first))
    }
    var values: [Double] = []
    for y in 0..<rows {
      let (top, bottom, fy) = place(y, map.rows, rows)
      for x in 0..<columns {
        let (left, right, fx) = place(x, map.columns, columns)
        let upper = Double(map[top, left]) * (1 - fx) + Double(map[top, right]) * fx
        let lower = Double(map[bottom, left]) * (1 - fx) + Double(map[bottom, right]) * fx
        values.append(upper * (1 - fy) + lower * fy)
      }
    }
    return values
  }

  private func random(rows: Int, columns: Int, seed: UInt64) -> Matrix {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns,
      values: (0..<rows * columns).map { _ in Float.random(in: 0...1, using: &generator) })
  }

  @Test("Two cells become four: edges hold, quarters between")
  func twoCells() {
    let map = Matrix(rows: 1, columns: 2, values: [0, 1])
    #expect(map.upsampled(rows: 2, columns: 4).values == [0, 0.25, 0.75, 1, 0, 0.25, 0.75, 1])
  }

  @Test(
    "Upsampling equals its definition",
    arguments: [(24, 24, 128, 128), (5, 9, 31, 18), (1, 7, 4, 4), (6, 6, 6, 6), (8, 3, 2, 5)])
  func upsampling(rows: Int, columns: Int, newRows: Int, newColumns: Int) {
    let map = random(rows: rows, columns: columns, seed: 8)
    let result = map.upsampled(rows: newRows, columns: newColumns)
    #expect(result.rows == newRows && result.columns == newColumns)
    for (value, expected) in zip(result.values, reference(map, rows: newRows, columns: newColumns)) {
      #expect(abs(Double(value) - expected) <= 1e-6)
    }
  }

  @Test("The weights of sigma 4 around a single peak")
  func gaussianWeights() {
    var map = Matrix(rows: 1, columns: 41)
    map[0, 20] = 1
    // The one row is its own mirror image, so the columns keep the peak.
    let smooth = map.smoothed(sigma: 4)
    for (distance, weight) in [(0, 0.0997391), (1, 0.0966705), (4, 0.0604948), (16, 3.34587e-5), (17, 0)] {
      #expect(abs(Double(smooth[0, 20 + distance]) - weight) < 1e-7)
      #expect(smooth[0, 20 - distance] == smooth[0, 20 + distance])
    }
  }

  @Test("Smoothing keeps the sum and a constant, and sigma 0 keeps everything")
  func smoothingInvariants() {
    let map = random(rows: 20, columns: 30, seed: 2)
    let smooth = map.smoothed(sigma: 3)
    #expect(abs(smooth.values.reduce(0, +) - map.values.reduce(0, +)) < 1e-3)
    #expect(map.smoothed(sigma: 0) == map)
    let constant = Matrix(rows: 4, columns: 4, values: [Float](repeating: 0.3, count: 16)).smoothed(sigma: 2)
    #expect(constant.values.allSatisfy { abs($0 - 0.3) < 1e-7 })
  }

  @Test(
    "Smoothing is the same on any number of threads",
    arguments: [(1, 1, 1.0), (3, 2, 3.3), (7, 40, 4.0), (17, 5, 0.6), (61, 90, 5.04)])
  func threads(rows: Int, columns: Int, sigma: Double) {
    let map = random(rows: rows, columns: columns, seed: 5)
    let alone = map.smoothed(sigma: sigma)
    for threads in [2, 3, 8] {
      #expect(map.smoothed(sigma: sigma, pool: ThreadPool(threads: threads)) == alone)
    }
  }

  @Test("SciPy, ONNX Runtime", .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func oracles() throws {
    var batch = try BatchReader(oracle: "imaging_maps")
    var seen: [String: Int] = [:]
    while !batch.isAtEnd {
      let operation = try batch.text()
      let numbers = try batch.numbers()
      seen[operation, default: 0] += 1
      switch operation {
      case "smooth":
        let map = Matrix(rows: numbers[0], columns: numbers[1], values: try batch.floats())
        let expected = try batch.floats()
        for path in KernelPath.available {
          let smooth = map.smoothed(sigma: Double(numbers[2]) / 1000, try #require(path.kernels))
          #expect(smooth.values == expected, "smooth \(numbers) \(path)")
        }
      case "upsample":
        let map = Matrix(rows: numbers[0], columns: numbers[1], values: try batch.floats())
        let result = map.upsampled(rows: numbers[2], columns: numbers[3]).values
        let worst = zip(result, try batch.floats()).map { abs($0 - $1) }.max() ?? 1
        #expect(worst <= 1e-6 * Float(numbers[2] + numbers[3]) / 8, "upsample \(numbers)")
      case "nearest":
        let mask = Mask(width: numbers[1], height: numbers[0], bits: try batch.blob().map { $0 > 0 })
        let expected = try batch.blob().map { $0 > 0 }
        #expect(mask.resized(width: numbers[3], height: numbers[2]).bits == expected, "nearest \(numbers)")
      case "rotate":
        let picture = Picture(width: numbers[0], height: numbers[1], pixels: try batch.blob())
        let turned = picture.rotated(degrees: Double(numbers[2]))
        // The oracle computes positions in float32; where noise is steep that is worth some hundredths of a level.
        let worst =
          zip(turned.pixels, try batch.floats()).map { abs(Float($0) - max(0, min(255, $1))) }.max() ?? 256
        #expect(worst <= 0.51, "rotate \(numbers)")
      default:
        Issue.record("unknown operation \(operation)")
      }
    }
    #expect(seen == ["smooth": 9, "upsample": 8, "nearest": 4, "rotate": 12])
  }
}
