import Foundation
public import Logging
import Messaging

/// Log entries: for a person at a terminal one line each on standard error, under systemd entries of the journal.
///
/// In the journal every field is one of the entry's too: `line` is `ASSAYD_LINE`. Fields follow the message as
/// `name=value`, sorted by name, so that they are seen everywhere. Where the journal's socket does not take an entry, it
/// goes to standard error with its priority as `<3>` before it (`sd-daemon(3)`).
public struct StationLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level = .info
  private let isForJournal: Bool
  private let journal: JournalSocket?

  /// - Parameter environment: `JOURNAL_STREAM` tells whether standard error is a stream to the journal.
  public init(environment: [String: String]) {
    isForJournal = Self.isJournal(environment["JOURNAL_STREAM"])
    journal = isForJournal ? JournalSocket() : nil
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
    if let error = event.error { fields["error"] = "\(error)" }
    let line = Self.line(
      level: event.level, message: event.message.description, fields: fields,
      time: isForJournal ? nil : Date())
    if let journal, journal.send(Self.entry(level: event.level, line: line, fields: fields)) { return }
    // One write a line, so that lines of several threads do not mix.
    let bytes = Array(line.utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }

  /// - Parameter time: nil writes the form for the journal.
  static func line(level: Logger.Level, message: String, fields: Logger.Metadata, time: Date?) -> String {
    var line = ""
    if let time {
      line += UTCTimestamp(time).description
      line += " \(level.rawValue) "
    } else {
      line += "<\(priority(level))>"
    }
    line += oneLine(message)
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      let text = oneLine("\(value)")
      let needsQuotes = text.isEmpty || text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
      line += " \(name)=" + (needsQuotes ? "\"" + text.replacing("\"", with: "\\\"") + "\"" : text)
    }
    return line + "\n"
  }

  /// What the journal gets of a line in its own form.
  static func entry(level: Logger.Level, line: String, fields: Logger.Metadata) -> [UInt8] {
    let message = line.hasPrefix("<") ? String(line.dropFirst(3).dropLast()) : line
    return JournalSocket.entry(
      [("MESSAGE", message), ("PRIORITY", "\(priority(level))"), ("SYSLOG_IDENTIFIER", "assayd")]
        + fields.sorted { $0.key < $1.key }.map { (JournalSocket.fieldName($0.key), "\($0.value)") })
  }

  /// The priorities of `syslog(3)`.
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }

  private static func oneLine(_ text: String) -> String {
    text.contains(where: \.isNewline)
      ? text.split(whereSeparator: \.isNewline).joined(separator: " | ") : text
  }

  /// `JOURNAL_STREAM` is inherited by programs whose standard error goes elsewhere, so its device and inode numbers
  /// are compared with those of ours.
  private static func isJournal(_ stream: String?) -> Bool {
    guard let stream else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return stream == "\(status.st_dev):\(status.st_ino)"
  }
}
