import Compute
import Imaging

/// One connected area of a score map that is above the pixel threshold, in sensor pixels.
public struct Region: Sendable, Equatable {
  /// Sensor pixels, holes not counted.
  public var area: Double
  /// Square millimetres; nil where the scale of the picture is not known.
  public var areaSquareMillimetres: Double?
  public var boundingBox: BoundingBox
  /// The mean position of its pixels, unweighted.
  public var centroid: SensorPoint
  /// The outer boundary, a closed ring of 3 to 64 corners, clockwise on screen; holes are not shown.
  public var polygon: [SensorPoint]
  /// The highest score in it.
  public var peak: Float
  /// What it most likely is, among the recipe's defect words; nil where there are no words.
  public var defect: LikelyDefect?

  /// Corners a polygon has at most.
  public static let polygonLimit = 64
}

/// A defect's name and its probability among all the recipe's names.
public struct LikelyDefect: Sendable, Hashable, Codable {
  public var name: String
  /// 0 to 1; what is not among the names has no share in it.
  public var probability: Double

  public init(name: String, probability: Double) {
    self.name = name
    self.probability = probability
  }
}

/// `x`, `y` of the top left corner and the size, in sensor pixels as COCO writes boxes.
public struct BoundingBox: Sendable, Hashable, Codable {
  public var x: Double
  public var y: Double
  public var width: Double
  public var height: Double

  public init(x: Double, y: Double, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}

/// What counts as a region and how it is measured.
public struct RegionOptions: Sendable, Codable, Equatable {
  /// Smaller regions are left out of the list and of the mask; sensor pixels.
  public var minimumArea: Double
  /// The side of a sensor pixel on the part; nil where it is not known.
  public var millimetresPerPixel: Double?

  private enum CodingKeys: String, CodingKey {
    case minimumArea = "minimum_area"
    case millimetresPerPixel = "millimetres_per_pixel"
  }

  public init(minimumArea: Double = 0, millimetresPerPixel: Double? = nil) {
    self.minimumArea = minimumArea
    self.millimetresPerPixel = millimetresPerPixel
  }
}

/// The regions of one score map and the mask they make.
struct RegionSet: Sendable {
  /// Highest peak first; equal peaks in reading order.
  var regions: [Region]
  /// The map's pixels that lie in a region.
  var mask: Mask

  /// Finds the connected parts (8-neighbourhood) of a `height x width` map that are above a threshold.
  ///
  /// - Parameters:
  ///   - grid: the patches under the map, for `name`.
  ///   - name: what a region is, from its pixels in each patch of the grid, row-major.
  init(
    map: Matrix, threshold: Float, options: RegionOptions, toSensor: AffineMap,
    grid: (rows: Int, columns: Int) = (1, 1), name: ((_ weights: [Float]) -> LikelyDefect?)? = nil
  ) {
    let width = map.columns
    let height = map.rows
    guard map.values.contains(where: { $0 > threshold }) else {
      regions = []
      mask = Mask(width: width, height: height)
      return
    }
    let components = ConnectedComponents(
      width: width, height: height, foreground: map.values.map { $0 > threshold })
    var found = [Sums](repeating: Sums(), count: components.count)
    for y in 0..<height {
      for x in 0..<width {
        let label = Int(components.labels[y * width + x])
        guard label != 0 else { continue }
        found[label - 1].add(x, y, map[y, x])
        if name != nil {
          let patch = y * grid.rows / height * grid.columns + x * grid.columns / width
          found[label - 1].patches[patch, default: 0] += 1
        }
      }
    }
    var kept: [Region] = []
    var isKept = [Bool](repeating: false, count: components.count + 1)
    for (index, sums) in found.enumerated() {
      let area = Double(sums.count) * toSensor.area
      guard area >= options.minimumArea else { continue }
      isKept[index + 1] = true
      let contour = Contour(of: Int32(index + 1), in: components, first: sums.first)
        .simplified(to: Region.polygonLimit)
      let corner = toSensor.sensor(Double(sums.left), Double(sums.top))
      kept.append(
        Region(
          area: area,
          areaSquareMillimetres: options.millimetresPerPixel.map { area * $0 * $0 },
          boundingBox: BoundingBox(
            x: corner.x, y: corner.y,
            width: Double(sums.right - sums.left + 1) * toSensor.scaleX,
            height: Double(sums.bottom - sums.top + 1) * toSensor.scaleY),
          centroid: toSensor.sensor(
            Double(sums.sumX) / Double(sums.count) + 0.5, Double(sums.sumY) / Double(sums.count) + 0.5),
          polygon: contour.points.map { toSensor.sensor(Double($0.x), Double($0.y)) },
          peak: sums.peak, defect: name.flatMap { $0(sums.weights(of: grid.rows * grid.columns)) }))
    }
    regions = kept.enumerated()
      .sorted { ($0.element.peak, $1.offset) > ($1.element.peak, $0.offset) }
      .map(\.element)
    mask = Mask(width: width, height: height, bits: components.labels.map { isKept[Int($0)] })
  }

  private struct Sums {
    var count = 0
    var sumX = 0
    var sumY = 0
    var left = Int.max
    var top = Int.max
    var right = Int.min
    var bottom = Int.min
    var first = LatticePoint(x: 0, y: 0)
    var peak = -Float.infinity
    /// Pixels in each patch.
    var patches: [Int: Float] = [:]

    func weights(of count: Int) -> [Float] { (0..<count).map { patches[$0] ?? 0 } }

    mutating func add(_ x: Int, _ y: Int, _ score: Float) {
      if count == 0 { first = LatticePoint(x: x, y: y) }
      count += 1
      sumX += x
      sumY += y
      left = min(left, x)
      top = min(top, y)
      right = max(right, x)
      bottom = max(bottom, y)
      peak = max(peak, score)
    }
  }
}
