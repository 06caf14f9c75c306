/// Waiting times between attempts to open a camera: they double up to a limit, with jitter so that several lines do not
/// knock at the same time.
struct Backoff {
  /// Short, because most faults pass with a re-enumeration of the bus; and a missing device costs one `open`.
  static let first: Int64 = 100_000_000
  static let limit: Int64 = 2_000_000_000

  private var wait = Self.first

  /// Nanoseconds to wait now: between half and the whole of the current step. `random` is in 0...1.
  mutating func next(random: Double) -> Int64 {
    defer { wait = min(wait * 2, Self.limit) }
    return wait / 2 + Int64(Double(wait / 2) * random)
  }

  /// Called when a good frame came: an open that succeeds proves nothing yet.
  mutating func reset() { wait = Self.first }
}
