package import Capture
import Dispatch
package import Foundation
package import Imaging
import Inspection
package import Logging
package import Messaging
import Synchronization
import Transformer

/// Keeps the evidence of judged frames on the disk, within bounds, on a thread of its own.
///
/// A judging thread asks whether a frame will be kept, so that its result can say where, and hands it over; it never
/// waits. What the thread cannot take (eight frames are waiting already) or the disk has no room for is counted and
/// left out.
///
/// Retention works on what is on the disk, not on a list of what was written. Deleted is what is older than the
/// configured days, then the oldest while all of it takes more than the configured bytes. While the file system has
/// less room than the reserve, samples are deleted first and then the oldest of the rest, but nothing of the last day: a
/// disk that others fill must not take what somebody is about to look at. The newest alert of each line always
/// stays. Where deleting does not help, less is kept of new frames, step by step: no samples, no maps, no pictures,
/// nothing. Each step is taken back when there is room again.
package final class EvidenceStore: Sendable {
  /// What there is less and less of.
  enum Richness: Int, Comparable {
    case nothing
    case recordsOnly
    case withPictures
    case withMaps
    /// With samples of what is not `ng`.
    case everything

    static func < (left: Richness, right: Richness) -> Bool { left.rawValue < right.rawValue }
  }

  /// A frame to keep.
  package struct Item: Sendable {
    var result: ResultMessage
    /// As the source delivered it.
    var image: RawImage
    /// The decoded picture, where there is one.
    var picture: Picture?
    /// Draws the map over the part of the picture that was judged; nil where there is none.
    var overlay: (@Sendable (Picture) throws -> Picture)?

    package init(
      result: ResultMessage, image: RawImage, picture: Picture?,
      overlay: (@Sendable (Picture) throws -> Picture)?
    ) {
      self.result = result
      self.image = image
      self.picture = picture
      self.overlay = overlay
    }
  }

  private enum Job: Sendable {
    case keep(Item)
    case alert(AlertMessage)
  }

  private struct State {
    var configuration: EvidenceConfiguration
    var jobs: [Job] = []
    /// Frames that were promised a place, handed over or not.
    var promised = 0
    /// Frames of each line that were not `ng`.
    var seen: [String: Int] = [:]
    var richness = Richness.everything
    var summary = EvidenceSummary()
    var isClosed = false
  }

  /// The disk, as tests replace it.
  package struct Disk: Sendable {
    /// Bytes free for this user on the file system of a folder; nil where that cannot be told.
    package var free: @Sendable (URL) -> Int? = { folder in
      var status = statvfs()
      return statvfs(folder.path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : nil
    }
    package var write: @Sendable ([UInt8], URL) throws -> Void = { try AtomicFile.write([$0], to: $1) }
    package var now: @Sendable () -> UTCTimestamp = { .now }
    /// Seconds between two looks while there is too little room.
    package var lookInterval = 5.0

    package init() {}
  }

  static let mostWaiting = 8
  /// Between two looks at the whole folder.
  private static let scanInterval = 600.0
  private static let jpegQuality = (picture: 95, map: 85)

  package let folder: EvidenceFolder
  private let disk: Disk
  private let logger: Logger
  private let state: Mutex<State>
  private let filled = DispatchSemaphore(value: 0)
  private let thread = Mutex<WorkerThread?>(nil)

  package init(_ folder: URL, configuration: EvidenceConfiguration, logger: Logger, disk: Disk = Disk()) {
    self.folder = EvidenceFolder(folder)
    self.disk = disk
    self.logger = logger
    state = Mutex(State(configuration: configuration))
  }

  package func start() {
    thread.withLock { thread in
      if thread == nil { thread = WorkerThread(name: "evidence", priority: .background) { [self] in run() } }
    }
  }

  /// Other bounds from now on.
  func change(to configuration: EvidenceConfiguration) { state.withLock { $0.configuration = configuration } }

  package func beginStop() {
    state.withLock { $0.isClosed = true }
    filled.signal()
  }

  /// Waits until what was handed over is on the disk.
  package func finishStop(by deadline: MonotonicInstant) -> Bool {
    guard let thread = thread.withLock({ $0.take() }) else { return true }
    return thread.wait(until: deadline)
  }

  package var summary: EvidenceSummary { state.withLock(\.summary) }

  // MARK: From judging threads

  /// Whether a frame with that verdict is to be kept. A yes must be followed by `keep`.
  package func promises(_ verdict: ReportedVerdict, of line: String) -> Bool {
    state.withLock { state in
      if verdict != .ng {
        guard state.configuration.sampleEvery > 0 else { return false }
        let seen = state.seen[line, default: 0]
        state.seen[line] = seen + 1
        guard seen % state.configuration.sampleEvery == 0 else { return false }
      }
      guard !state.isClosed else { return false }
      guard state.richness > .nothing, verdict == .ng || state.richness == .everything else {
        state.summary.omitted[verdict == .ng ? "record" : "sample", default: 0] += 1
        return false
      }
      guard state.promised < Self.mostWaiting else {
        state.summary.omitted["busy", default: 0] += 1
        return false
      }
      state.promised += 1
      return true
    }
  }

  /// Where the record of a result will be.
  package func uri(_ resultID: ULID, _ verdict: ReportedVerdict, of line: String) -> String {
    EvidenceEntry(resultID: resultID, line: line, verdict: verdict).file(.record, in: folder.url)
      .absoluteString
  }

  package func keep(_ item: Item) { add(.keep(item)) }

  /// Writes an alert beside the evidence that it names, which retention spares as long as no newer alert comes.
  package func keep(_ alert: AlertMessage) {
    if alert.evidenceURI != nil { add(.alert(alert)) }
  }

  private func add(_ job: Job) {
    state.withLock { $0.jobs.append(job) }
    filled.signal()
  }

  // MARK: The thread

  private func run() {
    var index = EvidenceIndex()
    var scannedAt: MonotonicInstant?
    var limiter = [String: MonotonicInstant]()
    while true {
      if scannedAt.map({ MonotonicInstant.now.seconds(since: $0) > Self.scanInterval }) ?? true {
        index = scan(isFirst: scannedAt == nil)
        scannedAt = .now
        makeRoom(&index)
      }
      // Where nothing is kept nothing comes, so the disk is looked at without being asked.
      let isDegraded = state.withLock { $0.richness < .everything }
      let wait = isDegraded ? disk.lookInterval : Self.scanInterval
      if filled.wait(timeout: .now() + wait) == .timedOut { makeRoom(&index) }
      let (job, isClosed) = state.withLock { state in
        (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed && state.jobs.isEmpty)
      }
      if let job { carryOut(job, &index, &limiter) }
      if isClosed { return }
    }
  }

  private func scan(isFirst: Bool) -> EvidenceIndex {
    let (entries, leftovers) = folder.scan()
    // Later on a file without its record may be one that somebody else is looking at, or ours in the making.
    if isFirst {
      for file in leftovers.files { try? FileManager.default.removeItem(at: file) }
      if !leftovers.files.isEmpty {
        logger.notice(
          "Evidence that was cut off half written was removed.",
          metadata: ["files": "\(leftovers.files.count)"])
      }
    }
    return EvidenceIndex(entries)
  }

  /// Deletes what must go, and finds out how much of the next frame may be kept.
  private func makeRoom(_ index: inout EvidenceIndex) {
    let configuration = state.withLock(\.configuration)
    let spared = index.newestAlerts
    var deleted: [String: Int] = [:]
    func delete(_ entry: EvidenceEntry, for reason: String) {
      remove(entry)
      index.remove(entry)
      deleted[reason, default: 0] += 1
    }
    let day: Int64 = 86_400_000_000_000
    let now = disk.now().nanoseconds
    let (oldest, yesterday) = (now - Int64(configuration.days) * day, now - day)
    while let entry = index.oldest(except: spared, where: { $0.time.nanoseconds < oldest && $0.isDated }) {
      delete(entry, for: "age")
    }
    while index.bytes > configuration.bytes, let entry = index.oldest(except: spared) {
      delete(entry, for: "bytes")
    }
    var free = disk.free(folder.url) ?? .max
    while free < configuration.reserve,
      let entry = index.oldest(except: spared, where: { $0.verdict != .ng && !$0.isAlert })
        ?? index.oldest(except: spared, where: { $0.time.nanoseconds < yesterday })
    {
      delete(entry, for: "room")
      free = disk.free(folder.url) ?? .max
    }
    let richness = Self.richness(free: free, reserve: configuration.reserve)
    let before = state.withLock { state in
      defer { state.richness = richness }
      for (reason, count) in deleted { state.summary.deleted[reason, default: 0] += count }
      state.summary.entries = index.count
      state.summary.bytes = index.bytes
      state.summary.freeBytes = free == .max ? nil : free
      state.summary.isDegraded = richness < .everything
      return state.richness
    }
    if richness < before {
      logger.warning("\(richness.sentence)", metadata: ["free_mib": "\(free >> 20)"])
    } else if richness > before {
      logger.notice(
        "There is room for evidence again. \(richness.sentence)", metadata: ["free_mib": "\(free >> 20)"])
    }
  }

  /// Deleting has been tried; what is left of the reserve decides.
  static func richness(free: Int, reserve: Int) -> Richness {
    if free >= reserve { return .everything }
    if free >= reserve / 2 { return .withMaps }
    if free >= reserve / 4 { return .withPictures }
    if free >= reserve / 8 { return .recordsOnly }
    return .nothing
  }

  private func remove(_ entry: EvidenceEntry) {
    // The record goes first: without it the rest counts as left over, whenever the power fails.
    for part in EvidenceEntry.Part.allCases where entry.parts[part] != nil {
      unlink(entry.file(part, in: folder.url).path)
    }
    let day = entry.folder(in: folder.url)
    if rmdir(day.path) == 0 { rmdir(day.deletingLastPathComponent().path) }
  }

  private func carryOut(_ job: Job, _ index: inout EvidenceIndex, _ limiter: inout [String: MonotonicInstant])
  {
    do {
      switch job {
      case .keep(let item):
        defer { state.withLock { $0.promised -= 1 } }
        makeRoom(&index)
        let entry = try write(item)
        index.insert(entry)
        state.withLock { state in
          state.summary.kept[entry.verdict.rawValue, default: 0] += 1
          state.summary.trouble = nil
        }
      case .alert(let alert):
        guard let resultID = alert.resultID, var entry = index[resultID] else { return }
        let payload = try alert.encoded()
        try disk.write(payload, entry.file(.alert, in: folder.url))
        entry.parts[.alert] = payload.count
        index.insert(entry)
      }
      state.withLock { state in
        state.summary.entries = index.count
        state.summary.bytes = index.bytes
      }
    } catch {
      let sentence = "Evidence could not be written: \(error)"
      state.withLock { state in
        state.summary.failed += 1
        state.summary.trouble = sentence
      }
      if limiter["write"].map({ MonotonicInstant.now.seconds(since: $0) > 60 }) ?? true {
        limiter["write"] = .now
        logger.error("\(sentence)")
      }
    }
  }

  private func write(_ item: Item) throws -> EvidenceEntry {
    let richness = state.withLock(\.richness)
    var entry = EvidenceEntry(
      resultID: item.result.resultID, line: item.result.line, verdict: item.result.verdict)
    guard richness > .nothing else {
      state.withLock { $0.summary.omitted["record", default: 0] += 1 }
      throw EvidenceFault("the disk is full.")
    }
    try FileManager.default.createDirectory(
      at: entry.folder(in: folder.url), withIntermediateDirectories: true)
    var record = EvidenceRecord(result: item.result, files: [], omitted: [])
    do {
      if let (part, content) = try picture(of: item) {
        if richness >= .withPictures {
          try write(content, as: part, of: &entry, &record)
        } else {
          omit("picture", &record)
        }
      }
      if let overlay = item.overlay, let picture = item.picture {
        if richness >= .withMaps {
          try write(
            try overlay(picture).jpegData(quality: Self.jpegQuality.map), as: .map, of: &entry, &record)
        } else {
          omit("map", &record)
        }
      }
      let payload = try record.encoded()
      try disk.write(payload, entry.file(.record, in: folder.url))
      entry.parts[.record] = payload.count
      return entry
    } catch {
      remove(entry)
      throw error
    }
  }

  private func write(
    _ content: [UInt8], as part: EvidenceEntry.Part, of entry: inout EvidenceEntry,
    _ record: inout EvidenceRecord
  ) throws {
    let file = entry.file(part, in: folder.url)
    try disk.write(content, file)
    entry.parts[part] = content.count
    record.files.append(
      .init(name: file.lastPathComponent, bytes: content.count, sha256: EvidenceFolder.hash(content)))
  }

  private func omit(_ what: String, _ record: inout EvidenceRecord) {
    record.omitted.append(what)
    state.withLock { $0.summary.omitted[what, default: 0] += 1 }
  }

  /// What the camera compressed is kept as it is; what it did not is compressed nearly without loss.
  private func picture(of item: Item) throws -> (EvidenceEntry.Part, [UInt8])? {
    switch item.image.format {
    case .jpeg: (.pictureJPEG, item.image.bytes)
    case .png: (.picturePNG, item.image.bytes)
    default:
      try item.picture.map { (.pictureJPEG, try $0.jpegData(quality: Self.jpegQuality.picture)) }
    }
  }
}

extension EvidenceStore.Richness {
  fileprivate var sentence: String {
    switch self {
    case .everything: "Evidence is kept in full."
    case .withMaps: "The disk is nearly full: no samples of good parts are kept as evidence."
    case .withPictures: "The disk is nearly full: no samples and no maps are kept as evidence."
    case .recordsOnly: "The disk is nearly full: evidence is kept without pictures."
    case .nothing: "The disk is full: no evidence is kept."
    }
  }
}

extension EvidenceEntry {
  /// Whether its time is to be believed: before 2025, when this program did not exist, the clock was not set.
  fileprivate var isDated: Bool { time.nanoseconds >= 1_735_689_600_000_000_000 }
}
