/// Scores with labels, highest first.
struct RankedScores {
  /// The score as an integer of the same order in the upper half, the label in the lower: sorting integers is
  /// several times faster than sorting pairs, and there are millions of pixels.
  private var keys: [UInt64]

  /// - Parameter labels: one a score, not negative.
  init(_ scores: [Float], labels: [Int32]) {
    keys = zip(scores, labels).map { score, label in
      // -0 and 0 are one score.
      let bits = (score + 0).bitPattern
      let ordered = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
      return UInt64(ordered) << 32 | UInt64(UInt32(bitPattern: label))
    }
    keys.sort(by: >)
  }

  /// Calls `body` for each distinct score with the labels of all that have it.
  func forEachTie(_ body: (_ score: Float, _ labels: LazyMapSequence<ArraySlice<UInt64>, Int32>) -> Void) {
    var start = 0
    while start < keys.count {
      let ordered = UInt32(keys[start] >> 32)
      var end = start + 1
      while end < keys.count, UInt32(keys[end] >> 32) == ordered { end += 1 }
      let bits = ordered & 0x8000_0000 != 0 ? ordered & 0x7fff_ffff : ~ordered
      body(
        Float(bitPattern: bits),
        keys[start..<end].lazy.map { Int32(bitPattern: UInt32(truncatingIfNeeded: $0)) })
      start = end
    }
  }
}
