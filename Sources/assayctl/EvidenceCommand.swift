import ArgumentParser
import Foundation
import Messaging
import Station

struct EvidenceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evidence",
    abstract: "Lists, shows and exports what the station has kept of judged parts.",
    discussion: "Works on the station's files; the station need not run.",
    subcommands: [List.self, Show.self, Export.self], defaultSubcommand: List.self)

  /// Which entries.
  struct Selection: ParsableArguments {
    @Option(help: "Only those of this line.")
    var line: String?

    @Option(
      help:
        "Only those with this verdict: \(ReportedVerdict.allCases.map(\.rawValue).joined(separator: ", ")).",
      transform: {
        guard let verdict = ReportedVerdict(rawValue: $0) else {
          throw ValidationError("\($0) is no verdict.")
        }
        return verdict
      })
    var verdict: ReportedVerdict?

    @Option(
      help: ArgumentHelp(
        "Only those from this time on, for example 2026-03-01T06:30:00Z.", valueName: "time"),
      transform: {
        guard let time = UTCTimestamp($0) else {
          throw ValidationError("\($0) is no time such as 2026-03-01T06:30:00Z.")
        }
        return time
      })
    var since: UTCTimestamp?

    @Flag(help: "Only those that an alert names.")
    var alerts = false

    /// Newest first.
    func entries(in folder: EvidenceFolder) -> [EvidenceEntry] {
      folder.entries(of: line).reversed().filter { entry in
        (verdict.map { $0 == entry.verdict } ?? true) && (since.map { $0 <= entry.time } ?? true)
          && (!alerts || entry.isAlert)
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists what is kept, newest first.")

    @OptionGroup var station: StationOptions
    @OptionGroup var selection: Selection

    @Option(help: "At most so many.")
    var limit = 50

    @Flag(help: "Print as JSON.")
    var json = false

    struct Row: Encodable {
      let resultID: ULID
      let line: String
      let verdict: ReportedVerdict
      let time: UTCTimestamp
      let bytes: Int
      let parts: [String]
      let isAlert: Bool
    }

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
      try await reportingFailures {
        let entries = selection.entries(in: station.evidence)
        if json {
          try printJSON(
            entries.prefix(limit).map { entry in
              Row(
                resultID: entry.resultID, line: entry.line, verdict: entry.verdict, time: entry.time,
                bytes: entry.bytes, parts: entry.parts.keys.map(\.rawValue).sorted(), isAlert: entry.isAlert)
            })
          return
        }
        guard !entries.isEmpty else { return print("Nothing is kept.") }
        print(
          table(
            entries.prefix(limit).map { entry in
              [
                entry.time.description, entry.line, entry.verdict.rawValue, "\(entry.resultID)",
                "\(max(1, entry.bytes >> 10)) KiB", entry.isAlert ? "alert" : "",
              ]
            }))
        let rest = entries.count - limit
        if rest > 0 { print("\(rest) more; --limit shows them.") }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows what is kept of one result, and whether it is whole.")

    @OptionGroup var station: StationOptions

    @Argument(help: "The result's identifier.", transform: EvidenceCommand.resultID)
    var result: ULID

    @Flag(help: "Print the record as JSON.")
    var json = false

    func run() async throws {
      try await reportingFailures {
        let folder = station.evidence
        let entry = try EvidenceCommand.entry(result, in: folder)
        let record = try folder.record(of: entry)
        if json {
          try printJSON(record)
        } else {
          let result = record.result
          print("Result     \(result.resultID), line \(Terminal.harmless(result.line)), number \(result.seq)")
          print("Exposed    \(result.exposureUTC)")
          print(
            "Verdict    \(result.verdict.rawValue)"
              + (result.reason.map { ": \(Terminal.harmless($0))" } ?? ""))
          if let part = result.partID { print("Part       \(Terminal.harmless(part))") }
          if let recipe = result.recipe {
            print("Recipe     \(Terminal.harmless(recipe.id)), version \(recipe.version ?? "-")")
          }
          print("Record     \(entry.file(.record, in: folder.url).path)")
        }
        var fault: EvidenceFault?
        for file in record.files {
          var state = "\(file.bytes) bytes, whole"
          do throws(EvidenceFault) {
            _ = try folder.content(of: file, of: entry)
          } catch {
            fault = error
            state = "damaged or missing"
          }
          if !json { print("File       \(Terminal.harmless(file.name)): \(state)") }
        }
        if !json, !record.omitted.isEmpty {
          print("Left out   \(record.omitted.joined(separator: ", ")), for want of room on the disk")
        }
        if let fault { throw Failure(description: fault.description, status: EX_DATAERR) }
      }
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copies evidence to a folder, checking every file.",
      discussion: "Copies the results named, or, where none is named, all that the options select.")

    @OptionGroup var station: StationOptions
    @OptionGroup var selection: Selection

    @Argument(help: "The results' identifiers.", transform: EvidenceCommand.resultID)
    var results: [ULID] = []

    @Option(help: ArgumentHelp("Where to; it is made where it does not exist.", valueName: "dir"))
    var to: String

    @Flag(help: "Print as JSON.")
    var json = false

    struct Report: Encodable {
      let entries: Int
      let files: Int
      let bytes: Int
      /// One sentence for each file that is missing or damaged; the others are copied.
      let faults: [String]
    }

    func run() async throws {
      try await reportingFailures {
        let folder = station.evidence
        let entries =
          results.isEmpty
          ? selection.entries(in: folder) : try results.map { try EvidenceCommand.entry($0, in: folder) }
        let target = URL(filePath: to, directoryHint: .isDirectory)
        var (files, bytes) = (0, 0)
        var faults: [String] = []
        for entry in entries {
          let place = target.appending(path: entry.line, directoryHint: .isDirectory)
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          do {
            for (name, content) in try folder.contents(of: entry) {
              try content.write(to: place.appending(path: name))
              files += 1
              bytes += content.count
            }
          } catch let fault as EvidenceFault {
            faults.append(fault.description)
          }
        }
        if json {
          try printJSON(Report(entries: entries.count, files: files, bytes: bytes, faults: faults))
        } else {
          print("\(entries.count) results, \(files) files, \(bytes >> 10) KiB to \(target.path).")
        }
        if !faults.isEmpty {
          throw Failure(description: faults.joined(separator: "\n"), status: EX_DATAERR)
        }
      }
    }
  }

  @Sendable private static func resultID(_ text: String) throws -> ULID {
    guard let resultID = ULID(text) else {
      throw ValidationError("\(text) is no result's identifier, such as 01KJME6JHCR7V1QK4M8N5P2S3T.")
    }
    return resultID
  }

  private static func entry(_ resultID: ULID, in folder: EvidenceFolder) throws -> EvidenceEntry {
    guard let entry = folder.entry(resultID) else {
      throw Failure.missing("No evidence of \(resultID) is kept in \(folder.url.path).")
    }
    return entry
  }
}

extension StationOptions {
  var evidence: EvidenceFolder {
    EvidenceFolder(StationPaths(root: URL(filePath: root ?? "/", directoryHint: .isDirectory)).evidence)
  }
}
