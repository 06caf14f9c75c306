import Testing

@testable import Evaluation

@Suite struct ReferenceDrawTests {
  /// The first outputs for seed 0 and 1234567, as published with the generator's C source and its ports.
  @Test func theGeneratorIsSplitMix64() {
    var zero = SplitMix64(state: 0)
    #expect(
      [zero.next(), zero.next(), zero.next()] == [
        0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f,
      ])
    var other = SplitMix64(state: 1_234_567)
    #expect(other.next() == 6_457_827_717_110_365_317)
    #expect(other.next() == 3_203_168_211_198_807_973)
  }

  @Test(arguments: [0, 1, 2, 16, 588]) func aDrawIsAPermutation(count: Int) {
    for seed in 0..<5 {
      let order = ReferenceDraw.permutation(of: count, seed: UInt64(seed))
      #expect(order.sorted() == Array(0..<count))
      #expect(order == ReferenceDraw.permutation(of: count, seed: UInt64(seed)))
    }
  }

  /// Pinned: if this changes, numbers measured before can no longer be repeated.
  @Test func drawsStayWhatTheyWere() {
    #expect(ReferenceDraw.permutation(of: 10, seed: 0) == [6, 3, 2, 9, 8, 1, 4, 7, 0, 5])
    #expect(ReferenceDraw.permutation(of: 10, seed: 0) != ReferenceDraw.permutation(of: 10, seed: 1))
  }
}
