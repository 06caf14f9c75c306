import Foundation
import GRDB

/// The spool's file: SQLite in write-ahead-log mode. Used by one thread.
///
/// | setting | why |
/// |---|---|
/// | `journal_mode` WAL | a commit appends to one file and forces it once; a reader of damage needs no rollback |
/// | `synchronous` FULL | each commit forces the log. With NORMAL a power cut takes back the commits since the last checkpoint: up to 4 MiB of messages that the station believed to be safe |
/// | `locking_mode` EXCLUSIVE | a second station on the same files is told so. It also keeps the log's index in memory instead of a shared memory map, whose pages a full disk can turn into SIGBUS |
/// | `journal_size_limit` | gives the log's space back after a burst |
/// | `cell_size_check` | damage is found when a page is read rather than when its content is used |
final class SpoolDatabase {
  /// The file is no spool of ours any more.
  struct Damage: Error, CustomStringConvertible {
    let description: String
  }

  struct Insertion {
    var identifier: UInt64
    var message: OutboxMessage
    /// Milliseconds since 1970.
    var appended: Int64
  }

  struct Removal: Equatable {
    var identifier: UInt64
    var importance: OutboxMessage.Importance
    var size: Int
  }

  /// What one transaction does.
  struct Changes {
    var insertions: [Insertion] = []
    var deletions: [UInt64] = []
    var newestAlerts: [String: [UInt8]] = [:]
    /// Results appended before it give way, in milliseconds since 1970.
    var oldestAllowed = Int64.min
  }

  /// What gave way in a transaction.
  struct GivenWay {
    var forAge: [Removal] = []
    var forSpace: [Removal] = []
  }

  /// Whether the file held nothing before.
  let isNew: Bool
  /// By topic, as they stood in the file when it was opened.
  let newestAlerts: [String: [UInt8]]
  private let connection: DatabaseQueue
  /// Messages in the file, and their sizes' sum.
  private(set) var count = 0
  private(set) var bytes = 0

  private static let applicationID: Int32 = 0x6173_7379  // "assy"
  private static let schema: Int32 = 1

  /// - Parameter now: milliseconds since 1970. Times in the file that lie after it, or before this program existed,
  ///   are replaced by it: they were made while the computer's clock was wrong (its battery is empty, the network's
  ///   time had not come yet), and nobody's message may count as decades old because of that.
  /// - Throws: `Damage`, or SQLite's error where the file cannot be used now.
  init(_ file: URL, now: Int64) throws {
    var configuration = Configuration()
    configuration.label = "spool"
    configuration.prepareDatabase { db in
      for pragma in [
        "locking_mode = EXCLUSIVE", "cell_size_check = ON", "trusted_schema = OFF", "temp_store = MEMORY",
        "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 1000",
        "journal_size_limit = 8388608",
      ] {
        // Some answer with a row; all rows must be read for the change to happen.
        _ = try Row.fetchAll(db, sql: "PRAGMA \(pragma)")
      }
    }
    connection = try Self.namingDamage { try DatabaseQueue(path: file.path, configuration: configuration) }
    do {
      (isNew, newestAlerts, count, bytes) = try Self.namingDamage(opening: true) { [connection] in
        try connection.write { db in
          let isNew = try Self.prepare(db, now: now)
          let totals = try Row.fetchOne(db, sql: "SELECT count(*), total(size) FROM message")
          return (
            isNew, try Self.newestAlerts(db), totals?[0] ?? 0, Int(totals?[1] as Double? ?? 0)
          )
        }
      }
    } catch {
      try? connection.close()
      throw error
    }
  }

  func close() { try? connection.close() }

  /// - Returns: whether the file held nothing before.
  private static func prepare(_ db: Database, now: Int64) throws -> Bool {
    let schema = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    if tables == 0, schema == 0 {
      try db.execute(
        sql: """
          CREATE TABLE message (
            id INTEGER PRIMARY KEY, importance INTEGER NOT NULL, appended INTEGER NOT NULL, size INTEGER NOT NULL,
            topic TEXT NOT NULL, payload BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
          CREATE INDEX by_importance ON message (importance, id, size);
          CREATE TABLE newest_alert (topic TEXT PRIMARY KEY, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
          PRAGMA application_id = \(applicationID);
          PRAGMA user_version = \(Self.schema);
          """)
      return true
    }
    guard application == applicationID, schema == Self.schema else {
      throw Damage(
        description: "it is not a spool this version reads (application \(application), schema \(schema))")
    }
    try db.execute(
      sql: "UPDATE message SET appended = :now WHERE appended > :now OR appended < :earliest",
      arguments: ["now": now, "earliest": earliestTime])
    return false
  }

  /// 2025-01-01, before which this program did not exist.
  private static let earliestTime: Int64 = 1_735_689_600_000

  /// Reads the whole structure.
  ///
  /// - Throws: `Damage`.
  func check() throws {
    let findings = try Self.namingDamage {
      try connection.read { try String.fetchAll($0, sql: "PRAGMA quick_check(1)") }
    }
    guard findings == ["ok"] else { throw Damage(description: findings.joined(separator: " ")) }
  }

  /// Makes all changes or none, then lets give way what is beyond the bounds. What it has done is on the disk when it
  /// returns.
  func apply(_ changes: Changes, _ limits: OutboxLimits) throws -> GivenWay {
    let (given, count, bytes) = try Self.namingDamage {
      try connection.write { db in
        var totals = (count: self.count, bytes: self.bytes)
        let delete = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ? RETURNING size")
        for identifier in changes.deletions {
          guard let size = try Int.fetchOne(delete, arguments: [Int64(identifier)]) else { continue }
          totals.count -= 1
          totals.bytes -= size
        }
        let insert = try db.cachedStatement(
          sql: """
            INSERT INTO message (id, importance, appended, size, topic, payload, checksum)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        for insertion in changes.insertions {
          let message = insertion.message
          try insert.execute(arguments: [
            Int64(insertion.identifier), message.importance.rawValue, insertion.appended, message.size,
            message.topic, Data(message.payload), message.checksum,
          ])
          totals.count += 1
          totals.bytes += message.size
        }
        for (topic, payload) in changes.newestAlerts {
          try db.execute(
            sql: "INSERT OR REPLACE INTO newest_alert (topic, payload) VALUES (?, ?)",
            arguments: [topic, Data(payload)])
        }
        let given = try Self.giveWay(db, &totals, changes.oldestAllowed, limits)
        return (given, totals.count, totals.bytes)
      }
    }
    self.count = count
    self.bytes = bytes
    return given
  }

  private static func giveWay(
    _ db: Database, _ totals: inout (count: Int, bytes: Int), _ oldestAllowed: Int64, _ limits: OutboxLimits
  ) throws -> GivenWay {
    var given = GivenWay()
    for importance in OutboxMessage.Importance.allCases where importance.lane == .results {
      // Identifiers grow with time, so the walk ends at the first that is young enough.
      try remove(importance, db, &totals, into: &given.forAge) { $1 < oldestAllowed }
    }
    for importance in OutboxMessage.Importance.allCases {
      try remove(importance, db, &totals, into: &given.forSpace) { totals, _ in
        totals.count > limits.messages || totals.bytes > limits.bytes
      }
    }
    return given
  }

  /// Deletes the oldest of an importance as long as a condition on the totals and the next one's time holds.
  private static func remove(
    _ importance: OutboxMessage.Importance, _ db: Database, _ totals: inout (count: Int, bytes: Int),
    into removals: inout [Removal], while condition: ((count: Int, bytes: Int), Int64) -> Bool
  ) throws {
    let select = try db.cachedStatement(
      sql: "SELECT id, size, appended FROM message WHERE importance = ? ORDER BY id LIMIT 1")
    let delete = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ?")
    while let row = try Row.fetchOne(select, arguments: [importance.rawValue]), condition(totals, row[2]) {
      let identifier: Int64 = row[0]
      let removal = Removal(
        identifier: UInt64(bitPattern: identifier), importance: importance, size: row[1])
      try delete.execute(arguments: [identifier])
      totals.count -= 1
      totals.bytes -= removal.size
      removals.append(removal)
    }
  }

  /// Whether a result is older than that. Costs two looks into the index.
  func hasResults(before time: Int64) throws -> Bool {
    try Self.namingDamage {
      try connection.read { db in
        try OutboxMessage.Importance.allCases.contains { importance in
          guard importance.lane == .results else { return false }
          let oldest = try Int64.fetchOne(
            db, sql: "SELECT appended FROM message WHERE importance = ? ORDER BY id LIMIT 1",
            arguments: [importance.rawValue])
          return oldest.map { $0 < time } ?? false
        }
      }
    }
  }

  /// What `read` brings.
  struct Page {
    var entries: [OutboxEntry] = []
    /// Rows whose content is not what was written.
    var damaged: [Removal] = []
    /// Whether nothing is left behind it.
    var isLast = true
  }

  /// The oldest messages of a lane after an identifier, at most so many messages and about so many bytes.
  func read(after identifier: UInt64, in lane: OutboxLane, most: Int, bytes: Int) throws -> Page {
    try Self.namingDamage {
      try connection.read { db in
        var page = Page()
        var read = 0
        let cursor = try Row.fetchCursor(
          db,
          sql: """
            SELECT id, importance, size, topic, payload, checksum FROM message
            WHERE \(Self.condition(lane)) AND id > ? ORDER BY id
            """, arguments: [Int64(identifier)])
        while let row = try cursor.next() {
          guard page.entries.count < most, read < bytes else {
            page.isLast = false
            break
          }
          let identifier = UInt64(bitPattern: row[0] as Int64)
          let importance = OutboxMessage.Importance(rawValue: row[1])
          // A row whose text or type is not what it was makes no value, and must not make a trap either.
          if let importance, let topic = String.fromDatabaseValue(row[3]),
            let payload = Data.fromDatabaseValue(row[4]), let checksum = Int64.fromDatabaseValue(row[5])
          {
            let message = OutboxMessage(topic: topic, payload: Array(payload), importance: importance)
            if message.checksum == checksum {
              page.entries.append(OutboxEntry(identifier: identifier, message: message))
              read += message.size
              continue
            }
          }
          page.damaged.append(
            Removal(identifier: identifier, importance: importance ?? .important, size: row[2]))
        }
        return page
      }
    }
  }

  /// Messages of a lane after an identifier.
  func count(after identifier: UInt64, in lane: OutboxLane) throws -> (count: Int, bytes: Int) {
    try Self.namingDamage {
      try connection.read { db in
        let row = try Row.fetchOne(
          db,
          sql: "SELECT count(*), total(size) FROM message WHERE \(Self.condition(lane)) AND id > ?",
          arguments: [Int64(identifier)])
        return (row?[0] ?? 0, Int(row?[1] as Double? ?? 0))
      }
    }
  }

  func newestIdentifier() throws -> UInt64 {
    try Self.namingDamage {
      try connection.read {
        UInt64(bitPattern: try Int64.fetchOne($0, sql: "SELECT max(id) FROM message") ?? 0)
      }
    }
  }

  private static func newestAlerts(_ db: Database) throws -> [String: [UInt8]] {
    var alerts: [String: [UInt8]] = [:]
    for row in try Row.fetchAll(db, sql: "SELECT topic, payload FROM newest_alert") {
      guard let topic = String.fromDatabaseValue(row[0]), let payload = Data.fromDatabaseValue(row[1])
      else { continue }
      alerts[topic] = Array(payload)
    }
    return alerts
  }

  /// Written so that SQLite takes the few alerts from the index, and the results, nearly everything, in the order of
  /// the table: the plus sign keeps it from sorting them all.
  private static func condition(_ lane: OutboxLane) -> String {
    let alert = OutboxMessage.Importance.alert.rawValue
    return lane == .alerts ? "importance = \(alert)" : "+importance <> \(alert)"
  }

  /// - Parameter opening: whether a table or a column that is missing counts as damage too.
  private static func namingDamage<Result>(opening: Bool = false, _ body: () throws -> Result) throws
    -> Result
  {
    do {
      return try body()
    } catch let error as DatabaseError
      where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
      || opening && error.resultCode == .SQLITE_ERROR
    {
      throw Damage(description: error.message ?? "SQLite code \(error.resultCode.rawValue)")
    }
  }
}

extension OutboxMessage {
  /// FNV-1a over the payload's bytes, 64 bits: SQLite notices a torn page only where the tear goes through its own
  /// structure, not through our bytes.
  fileprivate var checksum: Int64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in payload { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Int64(bitPattern: hash)
  }
}
