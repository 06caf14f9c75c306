import Testing

@testable import Capture

/// The driver numbers its frames with 32 bits, from 0 at each start of the stream. We number them with 64, for ever, and
/// learn from gaps how many the driver lost.
@Suite struct SequenceTrackerTests {
  @Test(
    arguments: [
      // What the driver says, the places that follow, and the losses.
      ([0, 1, 2], [0, 1, 2], [0, 0, 0]),
      ([0, 1, 5, 6], [0, 1, 5, 6], [0, 0, 3, 0]),
      // A start is no loss, wherever the driver begins.
      ([7, 8, 10], [0, 1, 3], [0, 0, 1]),
      // The number wraps.
      ([0xFFFF_FFFE, 0xFFFF_FFFF, 0, 1], [0, 1, 2, 3], [0, 0, 0, 0]),
      ([0xFFFF_FFFE, 1], [0, 3], [0, 2]),
      // A driver that leaves the field empty.
      ([0, 0, 0], [0, 1, 2], [0, 0, 0]),
      // A driver that counts anew without being told, and one that jumps: no thousand frames were lost.
      ([50, 51, 3, 4], [0, 1, 2, 3], [0, 0, 0, 0]),
      ([5, 0xFFFF_FF80, 0xFFFF_FF81], [0, 1, 2], [0, 0, 0]),
      ([1, 10_001, 20_002], [0, 10_000, 10_001], [0, 9_999, 0]),
    ] as [([UInt32], [UInt64], [UInt64])])
  func countsGaps(said: [UInt32], places: [UInt64], lost: [UInt64]) {
    var tracker = SequenceTracker()
    let seen = said.map { tracker.advance(to: $0) }
    #expect(seen.map(\.sequence) == places)
    #expect(seen.map(\.lost) == lost)
  }

  @Test func goesOnAfterARestart() {
    var tracker = SequenceTracker()
    _ = tracker.advance(to: 0)
    _ = tracker.advance(to: 1)
    tracker.restart()
    let first = tracker.advance(to: 0)
    #expect(first.sequence == 2 && first.lost == 0)
  }
}
