import Foundation
import Imaging
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Messaging
@testable import Station

/// What is kept, what is deleted, and what happens when the disk is full.
@Suite(.timeLimit(.minutes(1))) struct EvidenceStoreTests {
  private let folder: TemporaryFolder
  private let disk = FakeDisk()
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  init() throws { folder = try TemporaryFolder() }

  /// The real folder, with a size and a clock of its own.
  private final class FakeDisk: Sendable {
    struct State {
      var free = 100 << 30
      var isBroken = false
      var time = UTCTimestamp.now
      /// Time that passes with each result.
      var step: Int64 = 1_000_000_000
    }
    let state = Mutex(State())

    var disk: EvidenceStore.Disk {
      var disk = EvidenceStore.Disk()
      disk.free = { _ in self.state.withLock { $0.free } }
      disk.write = { bytes, file in
        if self.state.withLock({ $0.isBroken }) { throw EvidenceFault("No space left on device") }
        try Data(bytes).write(to: file)
      }
      disk.lookInterval = 0.01
      disk.now = { self.state.withLock { $0.time } }
      return disk
    }

    func tick() -> UTCTimestamp {
      state.withLock { state in
        state.time.nanoseconds += state.step
        return state.time
      }
    }
  }

  private func store(_ change: (inout EvidenceConfiguration) -> Void = { _ in }) -> EvidenceStore {
    var configuration = EvidenceConfiguration()
    configuration.sampleEvery = 2
    change(&configuration)
    let store = EvidenceStore(
      folder.url, configuration: configuration, logger: Self.logger, disk: disk.disk)
    store.start()
    return store
  }

  private let ids = ULIDGenerator()

  private func result(_ verdict: ReportedVerdict, line: String = "mono") -> ResultMessage {
    ResultMessage(
      resultID: ids.next(milliseconds: UInt64(disk.tick().nanoseconds / 1_000_000)), bootID: "boot", seq: 1,
      line: line, partID: "P", partIDSource: nil, recipe: nil, modelHash: nil, exposureUTC: .now,
      clockQuality: .arrival,
      times: .init(acquireMs: nil, waitMs: nil, inferMs: nil, postMs: nil, totalMs: nil, deadlineMet: nil),
      verdict: verdict, score: 0.5, threshold: 0.2, reason: nil, regions: [], mask: nil, quality: nil,
      degradations: [], evidenceURI: nil, isSimulated: false, expected: nil)
  }

  /// Offers a frame and waits for what becomes of it.
  ///
  /// - Returns: the result, where the store promised to keep it.
  @discardableResult
  private func offer(_ verdict: ReportedVerdict, to store: EvidenceStore, line: String = "mono") async throws
    -> ResultMessage?
  {
    guard store.promises(verdict, of: line) else { return nil }
    let result = result(verdict, line: line)
    let picture = Parts.picture(seed: 1)
    let before = store.summary
    store.keep(
      .init(
        result: result, image: RawImage(format: .jpeg, bytes: try picture.jpegData(quality: 90)),
        picture: picture, overlay: { $0 }))
    try await StationBench.wait(for: "the frame") {
      store.summary.kept.values.reduce(0, +) + store.summary.failed
        > before.kept.values.reduce(0, +) + before.failed
    }
    return result
  }

  private func alert(_ result: ResultMessage, in store: EvidenceStore) async throws {
    var worst = result
    worst.evidenceURI = store.uri(result.resultID, result.verdict, of: result.line)
    let alert = AlertMessage(
      alertID: ids.next(), line: result.line, bootID: "boot", openedUTC: .now, reason: "test", unit: .frames,
      ng: 1, judged: 1, worst: worst, suppressed: 0)
    store.keep(alert)
    try await StationBench.wait(for: "the alert") {
      store.folder.entry(result.resultID)?.isAlert == true
    }
  }

  private var kept: [EvidenceEntry] { EvidenceFolder(folder.url).entries() }

  @Test func keepsEveryNGAndASampleOfTheRest() async throws {
    let store = store()
    var promised: [ResultMessage] = []
    for verdict in [.ng, .ok, .ok, .ok, .undecidable, .ng, .error] as [ReportedVerdict] {
      if let result = try await offer(verdict, to: store) { promised.append(result) }
    }
    #expect(promised.map(\.verdict) == [.ng, .ok, .ok, .ng, .error])
    #expect(kept.map(\.resultID) == promised.map(\.resultID))
    let entry = try #require(kept.first)
    #expect(Set(entry.parts.keys) == [.record, .pictureJPEG, .map] && entry.line == "mono")
    #expect(
      store.uri(entry.resultID, .ng, of: "mono") == entry.file(.record, in: folder.url).absoluteString)
    let record = try store.folder.record(of: entry)
    #expect(record.result.partID == "P" && record.files.count == 2 && record.omitted.isEmpty)
    #expect(try store.folder.contents(of: entry).count == 3)
    #expect(store.summary.entries == 5 && store.summary.kept == ["ng": 2, "ok": 2, "error": 1])
    #expect(store.summary.bytes == kept.reduce(0) { $0 + $1.bytes })
  }

  @Test func keepsNoSamplesWhereToldSo() async throws {
    let store = store { $0.sampleEvery = 0 }
    for verdict in [.ok, .undecidable, .ng] as [ReportedVerdict] { try await offer(verdict, to: store) }
    #expect(kept.map(\.verdict) == [.ng])
  }

  /// Age and bytes, counted from what lies there: files of an earlier run and of a line that is gone count like all
  /// others, and files that are nobody's business stay.
  @Test func deletesTheOldestByAgeAndByBytes() async throws {
    let first = store { $0.days = 2 }
    let old = try #require(try await offer(.ng, to: first, line: "gone"))
    first.beginStop()
    try folder.write("notes.txt")
    disk.state.withLock { $0.time.nanoseconds += 86_400_000_000_000 }
    let size = try #require(kept.first).bytes
    let store = store {
      $0.days = 2
      $0.bytes = size * 3 + size / 2
    }
    var ids = [old.resultID]
    for _ in 0..<4 { ids.append(try #require(try await offer(.ng, to: store)).resultID) }
    // What the newest one adds is counted when the next one comes.
    #expect(kept.map(\.resultID).count <= 4 && !kept.map(\.resultID).contains(old.resultID))
    disk.state.withLock { $0.time.nanoseconds += 2 * 86_400_000_000_000 }
    let last = try #require(try await offer(.ng, to: store))
    #expect(kept.map(\.resultID) == [last.resultID])
    #expect(store.summary.deleted["bytes"] != nil && store.summary.deleted["age"] != nil)
    #expect(try folder.exists("notes.txt"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("gone").path))
  }

  /// Neither age nor bytes nor a full disk takes the newest alert of a line.
  @Test func neverDeletesTheNewestAlert() async throws {
    let store = store {
      $0.days = 1
      $0.bytes = 1
    }
    var alerts: [ULID] = []
    for line in ["mono", "mono", "poly"] {
      let result = try #require(try await offer(.ng, to: store, line: line))
      try await alert(result, in: store)
      alerts.append(result.resultID)
    }
    disk.state.withLock { $0.time.nanoseconds += 30 * 86_400_000_000_000 }
    for _ in 0..<3 { try await offer(.ng, to: store) }
    disk.state.withLock { $0.free = 0 }
    _ = try await offer(.ng, to: store)
    #expect(Set(kept.filter(\.isAlert).map(\.resultID)) == Set(alerts.suffix(2)))
    #expect(try store.folder.contents(of: try #require(kept.first { $0.isAlert })).count == 4)
  }

  /// The disk fills up from outside, and nothing that the store may delete helps: less and less is kept of new frames, the
  /// last day's stay, and when there is room again, everything is kept again.
  @Test func givesWayOnAFullDiskAndComesBack() async throws {
    let store = store { $0.reserve = 800 }
    for verdict in [.ng, .ok, .ng] as [ReportedVerdict] { try await offer(verdict, to: store) }
    #expect(kept.map(\.verdict) == [.ng, .ok, .ng])
    for (free, ng, ok) in [
      (799, [.record, .pictureJPEG, .map], nil), (399, [.record, .pictureJPEG], nil), (199, [.record], nil),
      (99, nil, nil), (150, [.record], nil),
      (10_000, [.record, .pictureJPEG, .map], [.record, .pictureJPEG, .map]),
    ] as [(Int, [EvidenceEntry.Part]?, [EvidenceEntry.Part]?)] {
      let isDegraded = store.summary.isDegraded
      disk.state.withLock { $0.free = free }
      // A disk in want is looked at by itself; one that was well is looked at when a frame comes.
      if !isDegraded { try await offer(.ng, to: store) }
      try await StationBench.wait(for: "the look at the disk") { store.summary.freeBytes == free }
      for (verdict, parts) in [(.ng, ng), (.ok, nil), (.ok, ok)] as [(ReportedVerdict, [EvidenceEntry.Part]?)]
      {
        let entry = try await offer(verdict, to: store).flatMap { store.folder.entry($0.resultID) }
        #expect(entry.map { Set($0.parts.keys) } == parts.map(Set.init), "\(free) \(verdict)")
      }
      #expect(store.summary.isDegraded == (free < 800))
    }
    #expect(kept.map(\.verdict) == [.ng, .ng, .ng, .ng, .ng, .ng, .ng, .ng, .ok])
    #expect(store.summary.omitted == ["map": 3, "picture": 2, "sample": 5, "record": 1])
    #expect(store.summary.deleted == ["room": 1])
  }

  /// With the reserve gone, what is older than a day goes, and what is younger stays.
  @Test func keepsTheLastDayOnAFullDisk() async throws {
    let store = store { $0.reserve = 800 }
    try await offer(.ng, to: store)
    disk.state.withLock { $0.time.nanoseconds += 86_400_000_000_000 }
    let young = try #require(try await offer(.ng, to: store))
    disk.state.withLock { $0.free = 799 }
    let new = try #require(try await offer(.ng, to: store))
    #expect(kept.map(\.resultID) == [young.resultID, new.resultID])
  }

  /// Samples go before the rest, also where they are newer.
  @Test func deletesSamplesFirst() async throws {
    let store = store { $0.reserve = 1000 }
    for verdict in [.ng, .ok, .ng, .ok, .ok] as [ReportedVerdict] { try await offer(verdict, to: store) }
    #expect(kept.map(\.verdict) == [.ng, .ok, .ng, .ok])
    // Room for two more after each deletion, until the reserve is reached.
    let looks = Mutex(0)
    let later = self.disk.state.withLock { $0.time }
    var disk = EvidenceStore.Disk()
    disk.free = { _ in
      looks.withLock { looks in
        looks += 1
        return looks <= 2 ? 0 : 10_000
      }
    }
    disk.now = { later }
    var configuration = EvidenceConfiguration()
    configuration.reserve = 1000
    let other = EvidenceStore(folder.url, configuration: configuration, logger: Self.logger, disk: disk)
    other.start()
    try await StationBench.wait(for: "two deletions") { other.summary.deleted["room"] == 2 }
    #expect(kept.map(\.verdict) == [.ng, .ng])
  }

  @Test func saysThatWritingFailsAndRecovers() async throws {
    let store = store()
    disk.state.withLock { $0.isBroken = true }
    let lost = try #require(try await offer(.ng, to: store))
    #expect(store.summary.failed == 1 && store.summary.trouble?.contains("No space left") == true)
    #expect(store.folder.entry(lost.resultID) == nil)
    disk.state.withLock { $0.isBroken = false }
    let found = try #require(try await offer(.ng, to: store))
    #expect(store.folder.entry(found.resultID) != nil)
    #expect(store.summary.trouble == nil && store.summary.failed == 1)
  }

  /// Judging threads never wait: beyond eight frames the store says no.
  @Test func isNeverWaitedFor() {
    let idle = EvidenceStore(
      folder.url, configuration: EvidenceConfiguration(), logger: Self.logger, disk: disk.disk)
    let promises = (0..<20).map { _ in idle.promises(.ng, of: "mono") }
    #expect(promises.count { $0 } == EvidenceStore.mostWaiting)
    #expect(idle.summary.omitted == ["busy": 12])
  }

  /// What a power cut leaves: temporary files, files without content, pictures without a record.
  @Test func clearsUpAfterAPowerCut() async throws {
    let first = store()
    let whole = try #require(try await offer(.ng, to: first))
    let torn = try #require(try await offer(.ng, to: first))
    let zero = try #require(try await offer(.ng, to: first))
    first.beginStop()
    let entries = Dictionary(uniqueKeysWithValues: kept.map { ($0.resultID, $0) })
    let tornEntry = try #require(entries[torn.resultID])
    let zeroEntry = try #require(entries[zero.resultID])
    try FileManager.default.removeItem(at: tornEntry.file(.record, in: folder.url))
    try Data().write(to: zeroEntry.file(.record, in: folder.url))
    let day = tornEntry.file(.record, in: folder.url).deletingLastPathComponent()
    try Data("x".utf8).write(to: day.appending(path: ".something.json.17.5"))
    let store = store()
    try await offer(.ng, to: store)
    #expect(kept.count == 2 && kept.first?.resultID == whole.resultID)
    let names = try FileManager.default.contentsOfDirectory(atPath: day.path)
    #expect(names.count == 6 && !names.contains { $0.hasPrefix(".") || $0.hasPrefix("\(torn.resultID)") })
  }

  @Test func tellsDamage() async throws {
    let store = store()
    let result = try #require(try await offer(.ng, to: store))
    let entry = try #require(kept.first)
    let record = try store.folder.record(of: entry)
    let picture = entry.file(.pictureJPEG, in: folder.url)
    var bytes = try Data(contentsOf: picture)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: picture)
    #expect(throws: EvidenceFault.self) { try store.folder.content(of: record.files[0], of: entry) }
    try Data("{}".utf8).write(to: entry.file(.record, in: folder.url))
    #expect(throws: EvidenceFault.self) { try store.folder.record(of: entry) }
    #expect(store.folder.entry(result.resultID) != nil)
  }
}

extension TemporaryFolder {
  fileprivate func write(_ name: String) throws { try Data("text".utf8).write(to: file(name)) }

  fileprivate func exists(_ name: String) throws -> Bool {
    FileManager.default.fileExists(atPath: file(name).path)
  }
}
