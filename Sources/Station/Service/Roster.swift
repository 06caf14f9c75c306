import Inspection
import Logging
import Messaging
import Synchronization

/// What runs at this moment: the configuration, its lines and the recipes they share.
///
/// Everybody who looks at the lines asks here each time; only a reload changes it.
final class Roster: Sendable {
  struct State: Sendable {
    var configuration: StationConfiguration
    /// In the order of names.
    var lines: [Line] = []
    /// Of the lines' recipes, by name.
    var slots: [String: RecipeSlot] = [:]
  }

  private let state: Mutex<State>
  private let records = Mutex<[String: LineRecord]>([:])

  init(_ configuration: StationConfiguration) { state = Mutex(State(configuration: configuration)) }

  var current: State { state.withLock { $0 } }
  var lines: [Line] { current.lines }
  var configuration: StationConfiguration { current.configuration }

  func line(_ name: String) -> Line? { lines.first { $0.name == name } }

  func exchange(for new: State) { state.withLock { $0 = new } }

  /// The record of a line's name, made at its first use.
  func record(_ name: String, make: () -> LineReporter) -> LineRecord {
    records.withLock { records in
      if let record = records[name] { return record }
      let record = LineRecord(reporter: make())
      records[name] = record
      return record
    }
  }
}
