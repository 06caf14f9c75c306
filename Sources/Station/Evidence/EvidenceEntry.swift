public import Foundation
public import Messaging

/// What is kept of one frame: a few files in the folder of its line and day, all named after the result.
///
/// ```
/// evidence/<line>/<yyyy-mm-dd>/<result id>.<verdict>.json         what was found, and what the other files hold
///                              <result id>.<verdict>.picture.jpg  as the camera delivered it
///                              <result id>.<verdict>.map.jpg      the score map laid over it
///                              <result id>.<verdict>.alert.json   the alert that names it
/// ```
/// The folder is its own index: the names say all that retention has to know, and no second list can disagree with what
/// is on the disk. The first file is written last and deleted first; what stands there without it is left over from a
/// power cut and goes at the next start.
public struct EvidenceEntry: Sendable, Equatable {
  public enum Part: String, Sendable, CaseIterable {
    case record = "json"
    case pictureJPEG = "picture.jpg"
    case picturePNG = "picture.png"
    case map = "map.jpg"
    case alert = "alert.json"
  }

  public let resultID: ULID
  public let line: String
  public let verdict: ReportedVerdict
  /// The files there are, with their sizes in bytes.
  public internal(set) var parts: [Part: Int] = [:]

  public init(resultID: ULID, line: String, verdict: ReportedVerdict) {
    self.resultID = resultID
    self.line = line
    self.verdict = verdict
  }

  public var bytes: Int { parts.values.reduce(0, +) }

  /// Whether an alert names it.
  public var isAlert: Bool { parts[.alert] != nil }

  /// When the result was made.
  public var time: UTCTimestamp { UTCTimestamp(nanoseconds: Int64(resultID.milliseconds) * 1_000_000) }

  /// The folder of its day, below the evidence folder.
  func folder(in evidence: URL) -> URL {
    evidence.appending(path: line, directoryHint: .isDirectory)
      .appending(path: String(time.description.prefix(10)), directoryHint: .isDirectory)
  }

  public func file(_ part: Part, in evidence: URL) -> URL {
    folder(in: evidence).appending(path: "\(resultID).\(verdict.rawValue).\(part.rawValue)")
  }

  /// From a file's name; nil where no evidence is called so.
  static func parse(_ name: String) -> (resultID: ULID, verdict: ReportedVerdict, part: Part)? {
    let pieces = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard pieces.count == 3, let resultID = ULID(pieces[0]),
      let verdict = ReportedVerdict(rawValue: pieces[1]),
      let part = Part(rawValue: pieces[2])
    else { return nil }
    return (resultID, verdict, part)
  }
}

/// The file `….json` of an entry.
public struct EvidenceRecord: Message {
  public struct File: Codable, Sendable, Equatable {
    public var name: String
    public var bytes: Int
    public var sha256: String
  }

  public var schema = "assayd.evidence/1"
  /// As it was sent.
  public var result: ResultMessage
  /// The picture and the map, where they are kept.
  public var files: [File]
  /// What was left out for want of room on the disk: `map`, `picture`.
  public var omitted: [String]

  init(result: ResultMessage, files: [File], omitted: [String]) {
    self.result = result
    self.files = files
    self.omitted = omitted
  }
}
