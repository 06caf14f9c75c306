import Capture
import Glibc

extension MonotonicInstant {
  /// The clock frames are stamped with, read now.
  static var now: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  func milliseconds(since earlier: MonotonicInstant) -> Double { Double(since(earlier)) / 1e6 }

  func seconds(since earlier: MonotonicInstant) -> Double { Double(since(earlier)) / 1e9 }

  func advanced(seconds: Double) -> MonotonicInstant { advanced(by: Int64(seconds * 1e9)) }
}
