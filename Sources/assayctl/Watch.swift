import Evaluation
import Foundation
import Inspection
import Messaging

/// What somebody sees who listens to a station.
struct Watch {
  enum Style {
    case text, json, silent
  }

  let topics: TopicTree
  private let style: Style
  private let keepsResults: Bool
  private let collectsPictures: Bool
  private let terminal = Terminal()

  /// Results that came.
  private(set) var results = 0
  /// The station was there and has gone.
  private(set) var hasStopped = false
  private(set) var summary = ResultSummary()
  private(set) var sheet = ArrivingSheet()
  /// The station's own counts, by line.
  private(set) var frames: [String: ResultReport.Frames] = [:]

  private var wasOnline = false
  private var states: [String: StatusMessage.State] = [:]
  /// Columns for the names of lines.
  private var nameWidth = 4
  private var complaints: Set<String> = []

  init(topics: TopicTree, style: Style, keepsResults: Bool, collectsPictures: Bool) {
    self.topics = topics
    self.style = style
    self.keepsResults = keepsResults
    self.collectsPictures = collectsPictures
  }

  /// - Throws: where the output cannot be written.
  mutating func take(_ message: ObservedMessage) throws {
    switch message.topic.split(separator: "/").last {
    case "availability": try takeAvailability(message)
    case "status": try takeStatus(message)
    case "result": try takeResult(message)
    case "heatmap":
      if let id = message.userProperties["result_id"] { sheet.add(heatMap: message.payload, of: id) }
    default: break
    }
  }

  private mutating func takeAvailability(_ message: ObservedMessage) throws {
    let word = String(decoding: message.payload, as: UTF8.self)
    if word == Availability.online { wasOnline = true }
    hasStopped = wasOnline && [Availability.stopped, Availability.offline].contains(word)
    try say("the station is \(Terminal.harmless(word))", message.arrivalUTC)
  }

  private mutating func takeStatus(_ message: ObservedMessage) throws {
    guard let status = decode(StatusMessage.self, message) else { return }
    let counters = status.counters
    frames[status.line] = ResultReport.Frames(
      captured: counters.captured, judged: counters.judged, replaced: counters.replaced,
      rejected: counters.rejected)
    nameWidth = max(nameWidth, status.line.count)
    guard states.updateValue(status.state, forKey: status.line) != status.state else { return }
    let reason = status.reason.map { ": \($0)" } ?? ""
    try say(Terminal.harmless("line \(status.line) is \(status.state.rawValue)\(reason)"), message.arrivalUTC)
  }

  private mutating func takeResult(_ message: ObservedMessage) throws {
    guard let result = decode(ResultMessage.self, message) else { return }
    results += 1
    nameWidth = max(nameWidth, result.line.count)
    let observed = ObservedResult(result, arrival: message.arrivalUTC)
    if keepsResults, summary.add(observed), collectsPictures { sheet.add(observed) }
    switch style {
    case .text: try terminal.write(result.line(observed, nameWidth: nameWidth, on: terminal))
    case .json: try terminal.write(String(decoding: message.payload, as: UTF8.self))
    case .silent: break
    }
  }

  private func say(_ sentence: String, _ time: UTCTimestamp) throws {
    if style == .text { try terminal.write(terminal.paint("\(time.timeOfDay)  \(sentence)", .grey)) }
  }

  /// Complains once a topic.
  private mutating func decode<Kind: Message>(_ kind: Kind.Type, _ message: ObservedMessage) -> Kind? {
    do {
      return try Kind(payload: message.payload)
    } catch {
      if complaints.insert(message.topic).inserted {
        let topic = Terminal.harmless(message.topic)
        FileHandle.standardError.write(
          Data(
            "assayctl: What comes on \(topic) is not understood; is the station of another version?\n".utf8))
      }
      return nil
    }
  }
}

extension ObservedResult {
  init(_ result: ResultMessage, arrival: UTCTimestamp) {
    let verdict: Verdict =
      switch result.verdict {
      case .ok: .ok
      case .ng: .ng
      case .undecidable: .undecidable
      case .error: .error
      }
    // A frame that never reached the station's hands has no time of exposure, and then none of the times.
    self.init(
      id: "\(result.resultID)", line: result.line, part: result.partID, verdict: verdict,
      expected: result.expected, score: result.score, threshold: result.threshold,
      exposure: result.times.totalMs == nil ? nil : result.exposureUTC.nanoseconds,
      arrival: arrival.nanoseconds, isReplayed: result.replayed)
  }
}
