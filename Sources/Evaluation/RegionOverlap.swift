public import Compute
public import Imaging
import Inspection

/// AUPRO: how much of every defect region is found while few defect-free pixels are, for false-positive rates from 0
/// to 0.3.
///
/// PRO is the mean over all regions (8-connected parts of the ground truth, over all pictures) of the fraction of
/// the region above a threshold; the false-positive rate is the fraction of all defect-free pixels above it.
public struct RegionOverlap: Sendable {
  /// Rates up to which the area is taken.
  public static let rateLimit = 0.3

  /// The curve at each distinct score, highest score first: pixels at or above it are detected.
  private let points: [Point]
  private let lowest: Double
  private let highest: Double

  private struct Point {
    var score: Double
    var rate: Double
    var overlap: Double
  }

  /// - Parameter pictures: score maps with ground truth of the same size, defect-free pictures included.
  /// - Returns: nil where there is no region or no defect-free pixel, or a score is NaN.
  public init?(_ pictures: [(map: Matrix, mask: Mask)]) {
    var scores: [Float] = []
    // For each pixel the region it lies in, counted from 1; 0 where there is no defect.
    var regions: [Int32] = []
    var sizes: [Int] = []
    for (map, mask) in pictures {
      precondition(map.columns == mask.width && map.rows == mask.height, "Map and mask differ in size.")
      let components = ConnectedComponents(width: mask.width, height: mask.height, foreground: mask.bits)
      let offset = Int32(sizes.count)
      regions += components.labels.map { $0 == 0 ? 0 : $0 + offset }
      sizes += components.areas
      scores += map.values
    }
    let defectFree = regions.count { $0 == 0 }
    guard !sizes.isEmpty, defectFree > 0, !scores.contains(where: \.isNaN) else { return nil }

    // A step in rate is counted, not summed, so that the last point is exactly 1.
    let weights = sizes.map { 1 / (Double($0) * Double(sizes.count)) }
    var points: [Point] = []
    var falsePositives = 0
    var overlap = 0.0
    RankedScores(scores, labels: regions).forEachTie { score, labels in
      for region in labels {
        if region == 0 { falsePositives += 1 } else { overlap += weights[Int(region) - 1] }
      }
      points.append(
        Point(score: Double(score), rate: Double(falsePositives) / Double(defectFree), overlap: overlap))
    }
    self.points = points
    lowest = points.last?.score ?? 0
    highest = points.first?.score ?? 0
  }

  /// The exact area: every distinct score is a threshold, the curve starts at (0, 0), is cut at the rate limit by
  /// linear interpolation, and the area is divided by that limit.
  public var exact: Double {
    let limit = Self.rateLimit
    var area = 0.0
    var last = Point(score: .infinity, rate: 0, overlap: 0)
    for point in points {
      guard point.rate > last.rate else {
        last = point
        continue
      }
      let end = min(point.rate, limit)
      let overlap =
        last.overlap + (point.overlap - last.overlap) * (end - last.rate) / (point.rate - last.rate)
      area += (end - last.rate) * (last.overlap + overlap) / 2
      last = point
      if point.rate >= limit { break }
    }
    return area / limit
  }

  /// The variant of many CLIP papers: 200 thresholds from the lowest score in steps of 1/200 of the range, points
  /// with a rate below 0.3, their rates stretched to 0...1. Coarse; for comparison with such papers only.
  ///
  /// 0 where all points left have the same rate.
  public var with200Thresholds: Double {
    var kept: [Point] = []
    for step in 0..<200 {
      let threshold = lowest + Double(step) * (highest - lowest) / 200
      let detected = Self.countAbove(threshold, points)
      let point = detected == 0 ? Point(score: threshold, rate: 0, overlap: 0) : points[detected - 1]
      if point.rate < Self.rateLimit { kept.append(point) }
    }
    // Rates fall from one threshold to the next.
    guard let widest = kept.first?.rate, let narrowest = kept.last?.rate, widest > narrowest else { return 0 }
    return zip(kept, kept.dropFirst()).reduce(0) { area, pair in
      area + (pair.0.rate - pair.1.rate) / (widest - narrowest) * (pair.0.overlap + pair.1.overlap) / 2
    }
  }

  /// How many of the points, highest score first, have a score above the threshold.
  private static func countAbove(_ threshold: Double, _ points: [Point]) -> Int {
    var first = 0
    var count = points.count
    while count > 0 {
      let half = count / 2
      if points[first + half].score > threshold {
        first += half + 1
        count -= half + 1
      } else {
        count = half
      }
    }
    return first
  }
}
