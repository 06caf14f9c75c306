import Compute
import Imaging
import Inspection

/// Pixel metrics of a product, over pictures of any number and size.
///
/// The pictures are gone through twice, and each map is made when it is needed and forgotten: the first time to collect the
/// pixels in defects, the second time to count the others between them (`RankedScores`). So what is held grows with the
/// defective area alone, and the result is exact.
struct PixelMetrics {
  /// A map with its ground truth.
  struct Sample {
    /// The kind of defect; nil for a good part.
    var kind: String?
    var map: Matrix
    /// Of the map's size; nil for a good part, which has no defective pixel.
    var mask: Mask?
  }

  /// Nil where there is nothing to rank.
  var ranking: RankingMetrics?
  var overlap: RegionOverlap?
  /// For each kind of defect the pixel AUROC over the pictures that have it and all good ones.
  var aurocByKind: [String: Double] = [:]

  /// - Parameters:
  ///   - count: of pictures.
  ///   - sample: makes a picture's map; called twice for each.
  init(count: Int, sample: (Int) throws -> Sample) rethrows {
    var lowest = Float.infinity
    var highest = -Float.infinity
    var scores: [Float] = []
    var labels: [Int32] = []
    var kinds: [String: [Float]] = [:]
    var sizes: [Int] = []
    for index in 0..<count {
      let sample = try sample(index)
      for value in sample.map.values {
        lowest = min(lowest, value)
        highest = max(highest, value)
      }
      guard let mask = sample.mask, let kind = sample.kind else { continue }
      precondition(
        mask.width == sample.map.columns && mask.height == sample.map.rows, "Map and mask differ in size.")
      let regions = ConnectedComponents(width: mask.width, height: mask.height, foreground: mask.bits)
      for (value, label) in zip(sample.map.values, regions.labels) where label != 0 {
        scores.append(value)
        labels.append(Int32(sizes.count) + label - 1)
        kinds[kind, default: []].append(value)
      }
      sizes += regions.areas
    }
    guard !sizes.isEmpty else { return }

    var ranked = RankedScores(anomalous: scores, labels: labels)
    (scores, labels) = ([], [])
    let names = kinds.keys.sorted()
    var rankedKinds = names.map { RankedScores(anomalous: kinds.removeValue(forKey: $0) ?? []) }
    var coarse = CoarseThresholds(lowest: lowest, highest: highest)
    for index in 0..<count {
      let sample = try sample(index)
      ranked.count(normal: sample.map.values, outside: sample.mask?.bits)
      coarse.count(normal: sample.map.values, outside: sample.mask?.bits)
      for (position, kind) in names.enumerated() where sample.kind == nil || sample.kind == kind {
        rankedKinds[position].count(normal: sample.map.values, outside: sample.mask?.bits)
      }
    }
    ranking = RankingMetrics(ranked)
    overlap = RegionOverlap(ranked, sizes: sizes, coarse: coarse)
    for (kind, ranked) in zip(names, rankedKinds) { aurocByKind[kind] = RankingMetrics(ranked)?.auroc }
  }
}
