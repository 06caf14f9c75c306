/// Which normal pictures become references: a permutation that depends on the seed and on nothing else.
///
/// The pictures are taken in the order of their names and shuffled by Fisher and Yates' method from the last
/// position down, position `i` changing places with position `next() % (i + 1)`, where `next()` is SplitMix64
/// started with the seed. The first k of the permutation are the references, so those of 1, 2 and 4 shots are
/// nested. (The remainder's bias is below 1e-15 for any folder there is.)
public enum ReferenceDraw {
  public static func permutation(of count: Int, seed: UInt64) -> [Int] {
    var generator = SplitMix64(state: seed)
    var order = Array(0..<count)
    for position in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(position, Int(generator.next() % UInt64(position + 1)))
    }
    return order
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
