/// Messages in the order of their identifiers, with the oldest of each importance at hand.
///
/// Adding at the end, taking from near the front and looking up take constant or logarithmic time on average.
struct MessageQueue {
  struct Entry {
    var message: OutboxMessage
    var appended: ContinuousClock.Instant
  }

  private var entries: [UInt64: Entry] = [:]
  /// By importance; ascending, with identifiers in them that are gone already.
  private var orders = [Order](repeating: Order(), count: OutboxMessage.Importance.allCases.count)
  private(set) var bytes = 0

  private struct Order {
    var identifiers: [UInt64] = []
    /// Everything before it is gone.
    var head = 0

    /// Index of the first identifier that is greater.
    func index(after identifier: UInt64) -> Int {
      var low = head
      var high = identifiers.count
      while low < high {
        let middle = (low + high) / 2
        if identifiers[middle] > identifier { high = middle } else { low = middle + 1 }
      }
      return low
    }
  }

  var count: Int { entries.count }

  /// The identifiers, ascending.
  var identifiers: [UInt64] { entries.keys.sorted() }

  subscript(_ identifier: UInt64) -> Entry? { entries[identifier] }

  mutating func insert(
    _ message: OutboxMessage, as identifier: UInt64, appended: ContinuousClock.Instant
  ) {
    guard entries.updateValue(Entry(message: message, appended: appended), forKey: identifier) == nil else {
      return
    }
    bytes += message.size
    let importance = message.importance.rawValue
    orders[importance].identifiers.insert(identifier, at: orders[importance].index(after: identifier))
  }

  @discardableResult
  mutating func remove(_ identifier: UInt64) -> OutboxMessage? {
    guard let entry = entries.removeValue(forKey: identifier) else { return nil }
    bytes -= entry.message.size
    let importance = entry.message.importance.rawValue
    while let first = orders[importance].identifiers[orders[importance].head...].first, entries[first] == nil
    {
      orders[importance].head += 1
    }
    if orders[importance].head > 64, orders[importance].head * 2 > orders[importance].identifiers.count {
      orders[importance].identifiers.removeFirst(orders[importance].head)
      orders[importance].head = 0
    }
    return entry.message
  }

  mutating func removeAll() { self = MessageQueue() }

  func first(after identifier: UInt64, in lane: OutboxLane) -> OutboxEntry? {
    var found: UInt64?
    for importance in OutboxMessage.Importance.allCases where importance.lane == lane {
      let order = orders[importance.rawValue]
      for candidate in order.identifiers[order.index(after: identifier)...] {
        if let found, candidate > found { break }
        if entries[candidate] != nil {
          found = candidate
          break
        }
      }
    }
    return found.flatMap { identifier in
      entries[identifier].map { OutboxEntry(identifier: identifier, message: $0.message) }
    }
  }

  private func oldest(_ importance: OutboxMessage.Importance) -> UInt64? {
    let order = orders[importance.rawValue]
    return order.identifiers[order.head...].first
  }

  /// Takes out the results appended before an instant.
  ///
  /// - Returns: how many.
  mutating func dropResults(before instant: ContinuousClock.Instant) -> Int {
    var dropped = 0
    for importance in OutboxMessage.Importance.allCases where importance.lane == .results {
      while let identifier = oldest(importance), let entry = entries[identifier], entry.appended < instant {
        remove(identifier)
        dropped += 1
      }
    }
    return dropped
  }

  /// Takes out what must give way to a newcomer: the oldest of the least importance, none more important than it.
  ///
  /// - Returns: how many were taken out, and whether there is room now.
  mutating func makeRoom(for newcomer: OutboxMessage, _ limits: OutboxLimits) -> (dropped: Int, isRoom: Bool)
  {
    guard newcomer.size <= limits.bytes, limits.messages > 0 else { return (0, false) }
    var dropped = 0
    while count + 1 > limits.messages || bytes + newcomer.size > limits.bytes {
      let victim = OutboxMessage.Importance.allCases.prefix(newcomer.importance.rawValue + 1)
        .lazy.compactMap(oldest).first
      guard let victim else { return (dropped, false) }
      remove(victim)
      dropped += 1
    }
    return (dropped, true)
  }
}
