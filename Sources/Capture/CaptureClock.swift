/// Time, as sources see it. Tests have one that they move themselves.
package protocol CaptureClock: Sendable {
  func now() -> MonotonicInstant

  /// Nanoseconds from the monotonic clock to UTC, read anew each time because the wall clock may be set.
  func offsetToUTC() -> Int64

  /// Waits until `deadline` or until `waker` is woken, whichever is first.
  func wait(until deadline: MonotonicInstant, or waker: Waker)
}

extension CaptureClock {
  package func utc(_ instant: MonotonicInstant) -> UTCInstant {
    UTCInstant(nanoseconds: instant.nanoseconds + offsetToUTC())
  }
}
