/// Lets the first line of a kind through at once and then one per interval, so that a broker that is down for a
/// week costs a handful of lines an hour.
struct LogLimiter {
  private let interval: Duration
  private var kinds: [String: (last: ContinuousClock.Instant, suppressed: Int)] = [:]

  init(interval: Duration) { self.interval = interval }

  /// Nil: stay quiet. Otherwise: write the line, and say how many of its kind were held back since the last one.
  mutating func admit(_ kind: String, now: ContinuousClock.Instant = .now) -> Int? {
    if let known = kinds[kind], now - known.last < interval {
      kinds[kind] = (known.last, known.suppressed + 1)
      return nil
    }
    // Kinds are few by construction; the bound only keeps a mistake from growing without end.
    if kinds.count >= 256 { kinds.removeAll() }
    let suppressed = kinds[kind]?.suppressed ?? 0
    kinds[kind] = (now, 0)
    return suppressed
  }
}
