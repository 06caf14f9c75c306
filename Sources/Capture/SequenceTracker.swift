/// Makes one gap-counting 64-bit sequence of a driver's 32-bit ones, across wraps and reopening.
struct SequenceTracker {
  /// A longer jump, forward or back, is a driver that counts anew rather than lost frames: nobody loses minutes of
  /// frames between two buffers without a stall.
  static let longestGap: UInt32 = 10_000

  private var next: UInt64 = 0
  private var last: UInt32?

  /// The driver counts from 0 again after `VIDIOC_STREAMON`. What it lost before the first frame it hands over is
  /// start-up, not loss.
  mutating func restart() { last = nil }

  /// - Returns: the frame's place in the whole sequence, and how many frames the driver lost before it.
  mutating func advance(to sequence: UInt32) -> (sequence: UInt64, lost: UInt64) {
    var lost: UInt64 = 0
    if let last {
      let step = sequence &- last
      // Some drivers leave the field at 0: a step of 0 is the next frame.
      if step > 1 && step <= Self.longestGap { lost = UInt64(step) - 1 }
    }
    last = sequence
    let place = next + lost
    next = place + 1
    return (place, lost)
  }
}
