import Messaging

/// What the evidence folder holds, oldest first.
struct EvidenceIndex {
  private var entries: [EvidenceEntry] = []
  private(set) var bytes = 0

  init() {}

  /// - Parameter entries: oldest first.
  init(_ entries: [EvidenceEntry]) {
    self.entries = entries
    bytes = entries.reduce(0) { $0 + $1.bytes }
  }

  var count: Int { entries.count }

  /// The newest entry of each line that an alert names.
  var newestAlerts: Set<ULID> {
    var newest: [String: ULID] = [:]
    for entry in entries where entry.isAlert { newest[entry.line] = entry.resultID }
    return Set(newest.values)
  }

  func oldest(except spared: Set<ULID>, where condition: (EvidenceEntry) -> Bool = { _ in true })
    -> EvidenceEntry?
  {
    entries.first { !spared.contains($0.resultID) && condition($0) }
  }

  subscript(_ resultID: ULID) -> EvidenceEntry? {
    let place = place(of: resultID)
    return place < entries.count && entries[place].resultID == resultID ? entries[place] : nil
  }

  /// Adds an entry, or replaces that of the same result.
  mutating func insert(_ entry: EvidenceEntry) {
    let place = place(of: entry.resultID)
    if place < entries.count, entries[place].resultID == entry.resultID {
      bytes += entry.bytes - entries[place].bytes
      entries[place] = entry
    } else {
      bytes += entry.bytes
      entries.insert(entry, at: place)
    }
  }

  mutating func remove(_ entry: EvidenceEntry) {
    let place = place(of: entry.resultID)
    guard place < entries.count, entries[place].resultID == entry.resultID else { return }
    bytes -= entries[place].bytes
    entries.remove(at: place)
  }

  /// Index of the first entry that is not older.
  private func place(of resultID: ULID) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].resultID < resultID { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
