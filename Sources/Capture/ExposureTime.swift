import CVideo4Linux

/// When a buffer's picture was exposed, and how sure that is.
struct ExposureTime: Equatable {
  let instant: MonotonicInstant
  let quality: ClockQuality

  /// A driver's time is believed if it lies at most this far back. Some drivers stamp with another clock and say
  /// "monotonic" nevertheless (`uvcvideo` with `clock=CLOCK_REALTIME`), or wrap.
  private static let oldest: Int64 = 10_000_000_000
  /// `uvcvideo` extrapolates from the camera's own clock and may be a little ahead of ours.
  private static let ahead: Int64 = 100_000_000

  init(_ buffer: v4l2_buffer, arrival: MonotonicInstant) {
    let stamp = MonotonicInstant(
      nanoseconds: Int64(buffer.timestamp.tv_sec) &* 1_000_000_000 &+ Int64(buffer.timestamp.tv_usec) &* 1000)
    let flags = Int32(bitPattern: buffer.flags)
    let (age, overflow) = arrival.nanoseconds.subtractingReportingOverflow(stamp.nanoseconds)
    guard flags & V4L2_BUF_FLAG_TIMESTAMP_MASK == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, !overflow,
      -Self.ahead...Self.oldest ~= age
    else {
      instant = arrival
      quality = .arrival
      return
    }
    instant = min(stamp, arrival)
    quality =
      flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK == V4L2_BUF_FLAG_TSTAMP_SRC_SOE ? .startOfExposure : .endOfFrame
  }
}
