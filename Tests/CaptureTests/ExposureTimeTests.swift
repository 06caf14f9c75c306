import CVideo4Linux
import Testing

@testable import Capture

/// A driver says when a frame was exposed, on which clock, and whether the stamp is of the exposure's start or the
/// frame's end. Some say "monotonic" and stamp with the wall clock. A stamp that cannot be true is replaced by the time
/// of arrival, and the clock quality says so.
@Suite struct ExposureTimeTests {
  private static let arrival: Int64 = 5_000_000_000_000

  @Test(
    arguments: [
      (
        V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_TSTAMP_SRC_SOE, 40_000_000,
        ClockQuality.startOfExposure
      ),
      (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 40_000_000, .endOfFrame),
      // Ten seconds in the driver's queue are possible, more are not.
      (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 10_000_000_000, .endOfFrame),
      (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 10_000_001_000, .arrival),
      (V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN, 40_000_000, .arrival),
      (V4L2_BUF_FLAG_TIMESTAMP_COPY, 40_000_000, .arrival),
      // The wall clock instead of the monotonic one: decades ahead.
      (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, -1_700_000_000_000_000_000, .arrival),
      // A stamp of 0.
      (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, arrival, .arrival),
    ] as [(Int32, Int64, ClockQuality)])
  func believesWhatCanBeTrue(flags: Int32, age: Int64, quality: ClockQuality) {
    let time = ExposureTime(
      buffer(flags, stamp: Self.arrival - age), arrival: .init(nanoseconds: Self.arrival))
    #expect(time.quality == quality)
    #expect(time.instant.nanoseconds == (quality == .arrival ? Self.arrival : Self.arrival - age))
  }

  @Test func aStampSlightlyAheadIsNow() {
    let stamp = Self.arrival + 50_000_000
    let time = ExposureTime(
      buffer(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, stamp: stamp), arrival: .init(nanoseconds: Self.arrival))
    #expect(time.quality == .endOfFrame)
    #expect(time.instant.nanoseconds == Self.arrival)
  }

  @Test func absurdStampsDoNotOverflow() {
    var buffer = buffer(V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, stamp: 0)
    for seconds in [Int.min, Int.max] {
      buffer.timestamp.tv_sec = seconds
      buffer.timestamp.tv_usec = seconds
      #expect(ExposureTime(buffer, arrival: .init(nanoseconds: .max)).quality == .arrival)
    }
  }

  private func buffer(_ flags: Int32, stamp: Int64) -> v4l2_buffer {
    var buffer = v4l2_buffer()
    buffer.flags = UInt32(bitPattern: flags)
    buffer.timestamp.tv_sec = Int(stamp / 1_000_000_000)
    buffer.timestamp.tv_usec = Int(stamp % 1_000_000_000 / 1000)
    return buffer
  }
}
