public import Foundation

/// A point on Linux's `CLOCK_MONOTONIC`, which never jumps and says nothing about the time of day.
public struct MonotonicInstant: Sendable, Hashable, Comparable, Codable {
  /// Since an arbitrary point, on Linux the boot.
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Moves by `nanoseconds`, which may be negative.
  public func advanced(by nanoseconds: Int64) -> Self { Self(nanoseconds: self.nanoseconds + nanoseconds) }

  /// Nanoseconds from `earlier` to this instant.
  public func since(_ earlier: Self) -> Int64 { nanoseconds - earlier.nanoseconds }
}

/// A point in UTC with the resolution of the kernel's clock, which `Date`, a floating-point number, does not keep.
public struct UTCInstant: Sendable, Hashable, Comparable, Codable {
  /// Since 1970-01-01T00:00:00Z, leap seconds not counted, as in `CLOCK_REALTIME`.
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The same point to within a microsecond.
  public var date: Date { Date(timeIntervalSince1970: Double(nanoseconds) / 1e9) }
}

/// Where a frame's exposure time comes from, best first.
public enum ClockQuality: String, Sendable, Codable, CaseIterable {
  /// The driver's monotonic clock when the exposure started, as far as the driver knows: what `uvcvideo` says.
  case startOfExposure = "start_of_exposure"
  /// The driver's monotonic clock when the last pixel had arrived; the exposure was earlier by the transfer time.
  case endOfFrame = "end_of_frame"
  /// When we took the frame from the driver, because its own time is of an unknown clock or cannot be true.
  case arrival
  /// A replayed picture's place in the schedule.
  case schedule
}
