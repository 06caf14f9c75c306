/// AUPRO: how much of every defect region is found while few defect-free pixels are, for false-positive rates from 0
/// to 0.3.
///
/// PRO is the mean over all regions (8-connected parts of the ground truth, over all pictures) of the fraction of
/// the region above a threshold; the false-positive rate is the fraction of all defect-free pixels above it.
public struct RegionOverlap: Sendable, Equatable {
  /// Rates up to which the area is taken.
  public static let rateLimit = 0.3

  /// The exact area: every distinct score is a threshold, the curve starts at (0, 0), is cut at the rate limit by
  /// linear interpolation, and the area is divided by that limit.
  public let exact: Double
  /// The variant of many CLIP papers: 200 thresholds from the lowest score in steps of 1/200 of the range, points
  /// with a rate below 0.3, their rates stretched to 0...1. Coarse; for comparison with such papers only.
  ///
  /// 0 where all points left have the same rate.
  public let with200Thresholds: Double
  /// PRO over the rate of false positives, thinned for drawing.
  public let curve: RateCurve

  /// - Parameters:
  ///   - ranked: pixels; the label of one in a defect is the number of its region, counted from 0.
  ///   - sizes: pixels of each region.
  ///   - coarse: the defect-free pixels above each of the 200 thresholds.
  /// - Returns: nil where there is no region or no defect-free pixel, or a score is NaN.
  init?(_ ranked: RankedScores, sizes: [Int], coarse: CoarseThresholds) {
    let defectFree = ranked.normalCount
    guard !sizes.isEmpty, defectFree > 0, !ranked.holdsNaN else { return nil }
    let weights = sizes.map { 1 / (Double($0) * Double(sizes.count)) }
    let limit = Self.rateLimit
    var area = 0.0
    var last = (rate: 0.0, overlap: 0.0)
    // A step in rate is counted, not summed, so that the last point is exactly 1.
    var falsePositives = 0
    var curve = RateCurve()
    var coarseOverlaps = [Double](repeating: 0, count: coarse.values.count)
    var coarseIndex = coarse.values.count - 1

    func advance(normal: Int, overlap: Double) {
      falsePositives += normal
      let rate = Double(falsePositives) / Double(defectFree)
      if rate > last.rate, last.rate < limit {
        let end = min(rate, limit)
        let atEnd = last.overlap + (overlap - last.overlap) * (end - last.rate) / (rate - last.rate)
        area += (end - last.rate) * (last.overlap + atEnd) / 2
      }
      last = (rate, overlap)
      curve.append((rate, overlap))
    }
    ranked.forEachThreshold { step in
      while coarseIndex >= 0, Double(step.score) <= coarse.values[coarseIndex] {
        coarseOverlaps[coarseIndex] = last.overlap
        coarseIndex -= 1
      }
      advance(normal: step.normalAbove, overlap: last.overlap)
      advance(
        normal: step.normalAt, overlap: step.labels.reduce(last.overlap) { $0 + weights[Int($1)] })
    }
    for index in stride(from: coarseIndex, through: 0, by: -1) { coarseOverlaps[index] = last.overlap }
    advance(normal: ranked.normalBelow, overlap: last.overlap)
    curve.finish()
    exact = area / limit
    self.curve = curve

    let kept = zip(coarse.normalAbove, coarseOverlaps)
      .map { (rate: Double($0) / Double(defectFree), overlap: $1) }
      .filter { $0.rate < limit }
    // Rates fall from one threshold to the next.
    if let widest = kept.first?.rate, let narrowest = kept.last?.rate, widest > narrowest {
      with200Thresholds = zip(kept, kept.dropFirst()).reduce(0) { area, pair in
        area + (pair.0.rate - pair.1.rate) / (widest - narrowest) * (pair.0.overlap + pair.1.overlap) / 2
      }
    } else {
      with200Thresholds = 0
    }
  }
}

/// 200 thresholds over a range of scores, and how many defect-free pixels lie above each.
struct CoarseThresholds {
  /// Ascending, from the lowest score in steps of 1/200 of the range.
  let values: [Double]
  private let scale: Double
  /// Entry `k`: pixels that lie above exactly the lowest `k` thresholds.
  private var counts: [Int]

  init(lowest: Float, highest: Float) {
    let (low, range) = (Double(lowest), Double(highest) - Double(lowest))
    values = (0..<200).map { low + Double($0) * range / 200 }
    scale = range > 0 && range.isFinite ? 200 / range : 0
    counts = [Int](repeating: 0, count: values.count + 1)
  }

  @inline(__always)
  mutating func count(normal score: Float) {
    let score = Double(score)
    // Arithmetic finds the neighbourhood, comparison decides.
    let guess = (score - values[0]) * scale
    var above = guess >= 0 ? Int(min(guess, Double(values.count))) : 0
    while above < values.count, values[above] < score { above += 1 }
    while above > 0, !(values[above - 1] < score) { above -= 1 }
    counts[above] += 1
  }

  /// Counts the pixels outside a mask, all without one.
  mutating func count(normal scores: [Float], outside mask: [Bool]?) {
    for (pixel, score) in scores.enumerated() where mask?[pixel] != true { count(normal: score) }
  }

  /// Defect-free pixels above each threshold.
  var normalAbove: [Int] {
    var above = 0
    var result = [Int](repeating: 0, count: values.count)
    for index in values.indices.reversed() {
      above += counts[index + 1]
      result[index] = above
    }
    return result
  }
}
