import Compute
import Imaging
import TestSupport
import Testing

@testable import Inspection

/// A map from digits; what is not a digit is 0.
private func map(_ rows: String...) -> Matrix {
  Matrix(
    rows: rows.count, columns: rows[0].count,
    values: rows.flatMap { $0.map { Float($0.wholeNumberValue ?? 0) / 10 } })
}

@Suite struct RegionTests {
  private let identity = AffineMap(scaleX: 1, scaleY: 1, offsetX: 0, offsetY: 0)

  private func regions(
    _ map: Matrix, above threshold: Float = 0.45, _ options: RegionOptions = RegionOptions(),
    _ toSensor: AffineMap? = nil
  ) -> RegionSet {
    RegionSet(map: map, threshold: threshold, options: options, toSensor: toSensor ?? identity)
  }

  @Test func regionsAreMeasuredAndOrderedByPeak() {
    let found = regions(
      map(
        "5......",
        "56....8",
        ".......",
        "..9....",
        "...7...")
    )
    #expect(found.regions.map(\.peak) == [0.9, 0.8, 0.6])
    #expect(found.regions.map(\.area) == [2, 1, 3])
    // The diagonal pair is one region.
    #expect(found.regions[0].boundingBox == BoundingBox(x: 2, y: 3, width: 2, height: 2))
    #expect(found.regions[0].centroid == SensorPoint(x: 3, y: 4))
    #expect(
      found.regions[1].polygon == [(7, 1), (7, 2), (6, 2), (6, 1)].map { SensorPoint(x: $0.0, y: $0.1) })
    #expect(found.mask.bits.count { $0 } == 6)
  }

  @Test func equalPeaksKeepReadingOrderAndTheThresholdItselfIsBelow() {
    let found = regions(map("5.5", "...", "5.5"), above: 0.4)
    #expect(
      found.regions.map { [$0.boundingBox.x, $0.boundingBox.y] } == [[0, 0], [2, 0], [0, 2], [2, 2]])
    #expect(regions(map("5.5"), above: 0.5).regions.isEmpty)
  }

  @Test func positionsAndAreasAreTheSensors() {
    // A region of interest of 70 x 40 at (100, 50), shown on a map of 7 x 4.
    let toSensor = AffineMap(mapWidth: 7, mapHeight: 4, of: PixelRect(x: 100, y: 50, width: 70, height: 20))
    let found = regions(
      map(".......", "..99...", "..99...", "......."), above: 0.5,
      RegionOptions(millimetresPerPixel: 0.5), toSensor)
    #expect(found.regions.count == 1)
    let region = found.regions[0]
    #expect(region.boundingBox == BoundingBox(x: 120, y: 55, width: 20, height: 10))
    #expect(region.area == 200 && region.areaSquareMillimetres == 50)
    #expect(region.centroid == SensorPoint(x: 130, y: 60))
  }

  @Test func smallRegionsAreLeftOutOfListAndMask() {
    let found = regions(map("99.9"), above: 0.5, RegionOptions(minimumArea: 2))
    #expect(found.regions.count == 1)
    #expect(found.mask.bits == [true, true, false, false])
    #expect(found.regions[0].areaSquareMillimetres == nil)
  }

  @Test func anEmptyAndAFullMap() {
    #expect(regions(map("....", "....")).regions.isEmpty)
    let full = regions(map("999", "999"))
    #expect(full.regions.map(\.area) == [6])
    #expect(
      full.regions[0].polygon == [(3, 0), (3, 2), (0, 2), (0, 0)].map { SensorPoint(x: $0.0, y: $0.1) })
  }

  @Test func aContourEnclosesTheFilledComponent() {
    var generator = SeededGenerator(seed: 11)
    for density in stride(from: 0.2, through: 0.8, by: 0.1) {
      let side = 24
      let bits = (0..<side * side).map { _ in Double.random(in: 0...1, using: &generator) < density }
      let components = ConnectedComponents(width: side, height: side, foreground: bits)
      for label in 1...Int32(max(1, components.count)) {
        guard let first = components.labels.firstIndex(of: label) else { continue }
        let contour = Contour(
          of: label, in: components, first: LatticePoint(x: first % side, y: first / side))
        #expect(contour.area == Double(filledArea(of: label, in: components)))
        let simple = contour.simplified(to: 64)
        #expect(simple.points.count <= 64 && simple.points.count >= 3)
        #expect(contour.points.count > 64 || simple == contour)
      }
    }
  }

  /// Pixels that the outside, 4-connected, does not reach.
  private func filledArea(of label: Int32, in components: ConnectedComponents) -> Int {
    let width = components.width + 2
    let height = components.height + 2
    var outside = [Bool](repeating: false, count: width * height)
    var stack = [0]
    outside[0] = true
    while let position = stack.popLast() {
      let (x, y) = (position % width, position / width)
      for (nextX, nextY) in [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
      where (0..<width).contains(nextX) && (0..<height).contains(nextY) && !outside[nextY * width + nextX] {
        let inside =
          (1...components.width).contains(nextX) && (1...components.height).contains(nextY)
          && components.labels[(nextY - 1) * components.width + nextX - 1] == label
        if !inside {
          outside[nextY * width + nextX] = true
          stack.append(nextY * width + nextX)
        }
      }
    }
    return outside.count { !$0 }
  }

  @Test func aLongContourIsCutToTheLimitAndKeepsItsShape() throws {
    // A disc: its outline has far more than 64 corners and hardly changes when simplified.
    let side = 200
    let bits = (0..<side * side).map { index in
      let (x, y) = (Double(index % side) - 99.5, Double(index / side) - 99.5)
      return x * x + y * y < 90 * 90
    }
    let components = ConnectedComponents(width: side, height: side, foreground: bits)
    let first = try #require(bits.firstIndex(of: true))
    let contour = Contour(of: 1, in: components, first: LatticePoint(x: first % side, y: first / side))
    let simple = contour.simplified(to: 64)
    #expect(contour.points.count > 200 && simple.points.count == 64)
    #expect(abs(simple.area - contour.area) < 0.01 * contour.area)
  }

  @Test func theWorstMapIsDoneInTime() {
    // A checkerboard is one component with the longest possible outline.
    let side = 336
    let board = Matrix(
      rows: side, columns: side, values: (0..<side * side).map { Float(($0 / side + $0) % 2) })
    let clock = ContinuousClock()
    var found: RegionSet?
    let duration = clock.measure { found = regions(board, above: 0.5) }
    #expect(found?.regions.count == 1)
    #expect((found?.regions.first?.polygon.count ?? 0) <= 64)
    #expect(duration < .seconds(20))
  }
}
