/// The scores of what is anomalous in order, and how many scores of what is normal lie between and at them.
///
/// No ranking metric needs more: between two anomalous scores neither recall nor region overlap changes. Nearly all
/// pixels of a data set are normal, and of those only counts are kept, so that the metrics are exact without all pixels in
/// memory: 28 bytes for an anomalous score, nothing for a normal one.
struct RankedScores {
  /// Ascending: the score as an integer of the same order in the upper half, the label in the lower. Sorting integers is
  /// several times faster than sorting pairs.
  private let anomalous: [UInt64]
  /// The distinct anomalous scores, ascending, as ordered integers.
  private let thresholds: [UInt32]
  /// Normal scores: entry `2 i` counts those between thresholds `i - 1` and `i`, entry `2 i + 1` those equal to
  /// threshold `i`; the last counts those above all.
  private var counts: [Int]
  private(set) var normalCount = 0
  /// Whether a score is not a number: then there is no order.
  private(set) var holdsNaN = false

  /// Entry `b`: the first threshold of bucket `b`, so that a search looks at a few thresholds instead of all.
  private let buckets: [Int32]
  private let bucketShift: UInt32

  /// - Parameter labels: one an anomalous score, not negative; none where they do not matter.
  init(anomalous scores: [Float], labels: [Int32] = []) {
    precondition(labels.isEmpty || labels.count == scores.count, "One label a score.")
    var keys: [UInt64] = []
    keys.reserveCapacity(scores.count)
    for (index, score) in scores.enumerated() {
      if score.isNaN { holdsNaN = true }
      let label = labels.isEmpty ? 0 : UInt32(bitPattern: labels[index])
      keys.append(UInt64(Self.ordered(score)) << 32 | UInt64(label))
    }
    keys.sort()
    var distinct: [UInt32] = []
    for key in keys where distinct.last != UInt32(key >> 32) { distinct.append(UInt32(key >> 32)) }
    anomalous = keys
    thresholds = distinct
    counts = [Int](repeating: 0, count: 2 * distinct.count + 1)

    let span = (distinct.last ?? 0) - (distinct.first ?? 0)
    let spanBits = UInt32(32 - span.leadingZeroBitCount)
    let bucketBits = UInt32(max(1, min(20, 64 - distinct.count.leadingZeroBitCount)))
    bucketShift = spanBits > bucketBits ? spanBits - bucketBits : 0
    var first = [Int32](repeating: 0, count: Int(span >> bucketShift) + 2)
    for threshold in distinct { first[Int((threshold - (distinct.first ?? 0)) >> bucketShift) + 1] += 1 }
    for bucket in first.indices.dropFirst() { first[bucket] += first[bucket - 1] }
    buckets = first
  }

  var anomalousCount: Int { anomalous.count }

  /// Counts a normal score.
  @inline(__always)
  mutating func count(normal score: Float) {
    normalCount += 1
    if score.isNaN { holdsNaN = true }
    counts[place(of: Self.ordered(score))] += 1
  }

  /// Counts normal pixels: those outside a mask, all without one.
  mutating func count(normal scores: [Float], outside mask: [Bool]?) {
    for (pixel, score) in scores.enumerated() where mask?[pixel] != true { count(normal: score) }
  }

  /// Where a normal score is counted.
  @inline(__always)
  private func place(of key: UInt32) -> Int {
    guard let lowest = thresholds.first, let highest = thresholds.last, key >= lowest else { return 0 }
    guard key <= highest else { return counts.count - 1 }
    let bucket = Int((key - lowest) >> bucketShift)
    var low = Int(buckets[bucket])
    var high = Int(buckets[bucket + 1])
    while low < high {
      let middle = (low + high) / 2
      if thresholds[middle] < key { low = middle + 1 } else { high = middle }
    }
    // The key lies at the threshold found, or between it and the one before; past a bucket's last one, the next
    // bucket's first is the one found.
    return thresholds[low] == key ? 2 * low + 1 : 2 * low
  }

  /// What changes from one threshold to the next lower one.
  struct Step {
    var score: Float
    /// Normal scores between the last threshold and this one.
    var normalAbove: Int
    /// Normal scores that equal it.
    var normalAt: Int
    /// Labels of the anomalous scores that equal it.
    var labels: LazyMapSequence<ArraySlice<UInt64>, Int32>
  }

  /// Calls `body` for each distinct anomalous score, highest first.
  func forEachThreshold(_ body: (Step) -> Void) {
    var end = anomalous.count
    for index in thresholds.indices.reversed() {
      var start = end
      while start > 0, UInt32(anomalous[start - 1] >> 32) == thresholds[index] { start -= 1 }
      body(
        Step(
          score: Self.score(thresholds[index]), normalAbove: counts[2 * index + 2],
          normalAt: counts[2 * index + 1],
          labels: anomalous[start..<end].lazy.map { Int32(bitPattern: UInt32(truncatingIfNeeded: $0)) }))
      end = start
    }
  }

  /// Normal scores below every threshold.
  var normalBelow: Int { counts[0] }

  private static func ordered(_ score: Float) -> UInt32 {
    // -0 and 0 are one score.
    let bits = (score + 0).bitPattern
    return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
  }

  private static func score(_ ordered: UInt32) -> Float {
    Float(bitPattern: ordered & 0x8000_0000 != 0 ? ordered & 0x7fff_ffff : ~ordered)
  }
}
