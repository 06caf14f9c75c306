import Crypto
public import Foundation
import Imaging
public import Messaging

/// The evidence of a station as it lies on the disk. Reading needs no running station.
public struct EvidenceFolder: Sendable {
  public let url: URL

  public init(_ url: URL) { self.url = url }

  /// What the folder holds besides entries.
  struct Leftovers {
    /// Files that a cut left half written, and entries without a record.
    var files: [URL] = []
  }

  /// All entries that have their record, oldest first.
  ///
  /// - Parameter line: those of one line; nil: of all that there are folders for, configured or not.
  public func entries(of line: String? = nil) -> [EvidenceEntry] { scan(line).entries }

  /// The folder's tree holds only folders of lines, in them folders of days, in them files; whatever else is there is
  /// nobody's business here and stays.
  func scan(_ line: String? = nil) -> (entries: [EvidenceEntry], leftovers: Leftovers) {
    var found: [ULID: EvidenceEntry] = [:]
    var leftovers = Leftovers()
    for name in line.map({ [$0] }) ?? names(in: url) {
      let lineFolder = url.appending(path: name, directoryHint: .isDirectory)
      for day in names(in: lineFolder) {
        let folder = lineFolder.appending(path: day, directoryHint: .isDirectory)
        for file in names(in: folder) {
          let place = folder.appending(path: file)
          // AtomicFile's temporary names begin with a dot; a file without content was cut before its first block.
          let size = (try? place.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
          if file.hasPrefix(".") || size == 0 {
            leftovers.files.append(place)
          } else if let (resultID, verdict, part) = EvidenceEntry.parse(file) {
            found[resultID, default: EvidenceEntry(resultID: resultID, line: name, verdict: verdict)]
              .parts[part] = size
          }
        }
      }
    }
    for entry in found.values where entry.parts[.record] == nil {
      leftovers.files += entry.parts.keys.map { entry.file($0, in: url) }
    }
    return (
      found.values.filter { $0.parts[.record] != nil }.sorted { $0.resultID < $1.resultID }, leftovers
    )
  }

  private func names(in folder: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  /// The entry of a result; nil where none is kept.
  public func entry(_ resultID: ULID) -> EvidenceEntry? { entries().first { $0.resultID == resultID } }

  /// - Throws: `EvidenceFault` where the record cannot be read or understood.
  public func record(of entry: EvidenceEntry) throws(EvidenceFault) -> EvidenceRecord {
    let file = entry.file(.record, in: url)
    let data: Data
    do {
      data = try Data(contentsOf: file)
    } catch {
      throw EvidenceFault("\(file.path) cannot be read: \(systemReason(error)).")
    }
    do {
      return try EvidenceRecord(payload: Array(data))
    } catch {
      throw EvidenceFault("\(file.path) is damaged: it is not the JSON of an evidence record.")
    }
  }

  /// The content of a file that a record names.
  ///
  /// - Throws: `EvidenceFault` where it is missing or is not what was written.
  public func content(of file: EvidenceRecord.File, of entry: EvidenceEntry) throws(EvidenceFault) -> Data {
    let place = entry.folder(in: url).appending(path: file.name)
    guard !file.name.contains("/"), let data = try? Data(contentsOf: place) else {
      throw EvidenceFault("\(place.path) cannot be read.")
    }
    guard data.count == file.bytes, Self.hash(data) == file.sha256 else {
      throw EvidenceFault("\(place.path) is damaged: its hash is not the one the record names.")
    }
    return data
  }

  /// All files of an entry, by name; those that its record names are checked.
  ///
  /// - Throws: `EvidenceFault` for the first that is missing or damaged.
  public func contents(of entry: EvidenceEntry) throws(EvidenceFault) -> [(name: String, content: Data)] {
    var contents: [(String, Data)] = []
    for file in try record(of: entry).files {
      contents.append((file.name, try content(of: file, of: entry)))
    }
    for part in [EvidenceEntry.Part.record, .alert] where entry.parts[part] != nil {
      let file = entry.file(part, in: url)
      guard let data = try? Data(contentsOf: file) else {
        throw EvidenceFault("\(file.path) cannot be read.")
      }
      contents.append((file.lastPathComponent, data))
    }
    return contents
  }

  static func hash(_ data: some DataProtocol) -> String {
    SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
  }
}

/// Why evidence cannot be read, as a sentence.
public struct EvidenceFault: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
