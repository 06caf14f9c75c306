import Foundation
public import Logging
import Messaging

/// One log line a message, followed by its fields as `name=value`, sorted by name.
///
/// On a terminal the line begins with time and level. Where standard error leads to the journal, the journal gets it as an
/// entry of its own (systemd's "Native Journal Protocol"), with its priority and each field once more as `ASSAYD_NAME`, so
/// that `journalctl ASSAYD_LINE=press` finds what concerns one line.
///
/// Critical messages, and all where the journal cannot be reached so, go to standard error with the priority in front as
/// `<2>` (`sd-daemon(3)`): the journal knows beforehand whose stream that is, but of the sender of an entry it asks the
/// kernel, too late where the process has ended meanwhile, and then `systemctl status` does not show why it ended.
public struct StationLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level = .info
  private let isForJournal: Bool
  private let journal: UnixDatagram?

  /// - Parameter environment: `JOURNAL_STREAM` tells whether standard error is a stream to the journal.
  public init(environment: [String: String]) {
    isForJournal = Self.isJournal(environment["JOURNAL_STREAM"])
    journal = isForJournal && Self.isSocket ? UnixDatagram(address: "/run/systemd/journal/socket") : nil
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
    if let error = event.error { fields["error"] = "\(error)" }
    if event.level < .critical, let journal,
      journal.send(Self.entry(level: event.level, message: event.message.description, fields: fields))
    {
      return
    }
    let line = Self.line(
      level: event.level, message: event.message.description, fields: fields,
      time: isForJournal ? nil : Date())
    // One write a line, so that lines of several threads do not mix.
    let bytes = Array(line.utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }

  /// - Parameter time: nil writes the form for the journal.
  static func line(level: Logger.Level, message: String, fields: Logger.Metadata, time: Date?) -> String {
    let start = time.map { "\(UTCTimestamp($0)) \(level.rawValue) " } ?? "<\(priority(level))>"
    return start + text(message, fields) + "\n"
  }

  /// An entry of the journal: `NAME=value` lines. Values of several lines would need another form; there are none.
  static func entry(level: Logger.Level, message: String, fields: Logger.Metadata) -> [UInt8] {
    var lines = [
      "MESSAGE=\(text(message, fields))", "PRIORITY=\(priority(level))", "SYSLOG_IDENTIFIER=assayd",
    ]
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      let name = name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
      lines.append("ASSAYD_\(String(name))=\(oneLine("\(value)"))")
    }
    return Array(lines.map { $0 + "\n" }.joined().utf8)
  }

  private static func text(_ message: String, _ fields: Logger.Metadata) -> String {
    var line = oneLine(message)
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      let text = oneLine("\(value)")
      let needsQuotes = text.isEmpty || text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
      line += " \(name)=" + (needsQuotes ? "\"" + text.replacing("\"", with: "\\\"") + "\"" : text)
    }
    return line
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

  /// Whether standard error is a socket, as the journal's streams are, rather than a file that stands in for one.
  private static var isSocket: Bool {
    var status = stat()
    return fstat(STDERR_FILENO, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }
}
