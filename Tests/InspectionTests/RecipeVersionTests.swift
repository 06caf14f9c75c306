import Foundation
import Imaging
import TestSupport
import Testing

@testable import Inspection

@Suite struct RecipeVersionTests {
  private let encoder = ColourEncoder()
  private let references = Part.references(3)

  private func bank() throws -> MemoryBank {
    try MemoryBank.build(references: references, encoder: encoder, options: .small())
  }

  private func calibration(_ bank: MemoryBank, rate: Double = 0.05) throws -> Calibration {
    try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: .reference, falseAlarmRate: rate)
  }

  @Test func aVersionReadsBackAsWritten() throws {
    let folder = try TemporaryFolder()
    let recipe = folder.url.appending(path: "recipes/lid")
    let bank = try bank()
    let written = try RecipeVersion.create(
      in: recipe, bank: bank, references: references, calibration: try calibration(bank))
    #expect(written.folder.lastPathComponent == "0001" && written.manifest.version == 1)

    let read = try RecipeVersion(contentsOf: written.folder)
    #expect(read.bank == bank)
    #expect(read.manifest == written.manifest)
    #expect(read.calibration == written.calibration && read.calibration != nil)
    #expect(try read.references() == references)
    #expect(read.manifest.references.map(\.name) == ["good-0.png", "good-1.png", "good-2.png"])
    #expect(read.manifest.modelHash == encoder.modelHash && read.manifest.coreset == nil)
    #expect(abs((try Date(read.manifest.created, strategy: .iso8601)).timeIntervalSinceNow) < 60)
  }

  @Test func versionsAreNumberedAndNeverChanged() throws {
    let folder = try TemporaryFolder()
    let bank = try bank()
    #expect(RecipeVersion.latest(in: folder.url) == nil)
    let first = try RecipeVersion.create(in: folder.url, bank: bank, references: references, calibration: nil)
    let manifest = try Data(contentsOf: first.folder.appending(path: "manifest.json"))
    try Data().write(to: folder.file("notes.txt"))
    let second = try RecipeVersion.create(
      in: folder.url, bank: bank, references: try first.references(), calibration: try calibration(bank))
    #expect(second.manifest.version == 2)
    #expect(RecipeVersion.all(in: folder.url).map(\.lastPathComponent) == ["0001", "0002"])
    #expect(RecipeVersion.latest(in: folder.url)?.lastPathComponent == "0002")
    #expect(try Data(contentsOf: first.folder.appending(path: "manifest.json")) == manifest)
    #expect(try RecipeVersion(contentsOf: first.folder).calibration == nil)
  }

  @Test func writersAtTheSameTimeGetVersionsOfTheirOwn() async throws {
    let folder = try TemporaryFolder()
    let bank = try bank()
    let url = folder.url
    let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          try RecipeVersion.create(in: url, bank: bank, references: references, calibration: nil).manifest
            .version
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(numbers.sorted() == [1, 2, 3, 4])
    for version in RecipeVersion.all(in: folder.url) {
      #expect(try RecipeVersion(contentsOf: version).bank == bank)
    }
  }

  @Test(arguments: ["bank.safetensors", "manifest.json", "calibration.json", "references/001.png"])
  func truncatedAndMissingFilesAreNamed(file: String) throws {
    let folder = try TemporaryFolder()
    let bank = try bank()
    let version = try RecipeVersion.create(
      in: folder.url, bank: bank, references: references, calibration: try calibration(bank))
    let damaged = version.folder.appending(path: file)
    let whole = try Data(contentsOf: damaged)
    func refusal() -> InspectionError? {
      #expect(throws: InspectionError.self) { _ = try RecipeVersion(contentsOf: version.folder).references() }
    }
    for length in [0, 1, whole.count / 2, whole.count - 1] {
      try whole.prefix(length).write(to: damaged)
      let error = refusal()
      #expect(
        error?.description.contains(damaged.lastPathComponent) == true, "\(length) bytes: \(error as Any)")
    }
    try FileManager.default.removeItem(at: damaged)
    #expect(refusal()?.description.contains(damaged.lastPathComponent) == true)
    try whole.write(to: damaged)
    #expect(try RecipeVersion(contentsOf: version.folder).bank == bank)
  }

  /// Every byte of the bank counts: each flip below must be refused.
  @Test func alteredBytesAreRefused() throws {
    let folder = try TemporaryFolder()
    let version = try RecipeVersion.create(
      in: folder.url, bank: try bank(), references: references, calibration: nil)
    let file = version.folder.appending(path: "bank.safetensors")
    let whole = try Data(contentsOf: file)
    let header = 8 + Int(whole[0]) + Int(whole[1]) << 8
    for position in [9, header / 2, header, header + 3, (header + whole.count) / 2, whole.count - 1] {
      var altered = whole
      altered[position] ^= 0x20
      try altered.write(to: file)
      guard (try? RecipeVersion(contentsOf: version.folder)) != nil else { continue }
      // What is left of the header is a name nobody reads, or padding.
      #expect(position < header, "byte \(position)")
    }
  }

  @Test(arguments: [
    (#""smoothing" : 0.015"#, #""smoothing" : 0.02"#), (#""grid_rows" : 5"#, #""grid_rows" : 6"#),
    (#""views" : 1"#, #""views" : 4"#), (#""vectors" : 90"#, #""vectors" : 60"#),
    (#""block" : 2"#, #""block" : 3"#), ("recipe-version/1", "recipe-version/2"),
    (#""model_hash" : "aa"#, #""model_hash" : "ba"#),
  ])
  func anEditedManifestIsRefused(from: String, to: String) throws {
    let folder = try TemporaryFolder()
    let version = try RecipeVersion.create(
      in: folder.url, bank: try bank(), references: references, calibration: nil)
    let file = version.folder.appending(path: "manifest.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let edited = text.replacingOccurrences(of: from, with: to)
    try #require(edited != text)
    try edited.write(to: file, atomically: false, encoding: .utf8)
    let error = #expect(throws: InspectionError.self) { try RecipeVersion(contentsOf: version.folder) }
    #expect(error?.description.contains("damaged") == true)
  }

  @Test func aFailedWriteLeavesNothing() throws {
    struct PowerCut: Error {}
    let folder = try TemporaryFolder()
    let target = folder.url.appending(path: "0001")
    #expect(throws: PowerCut.self) {
      try FolderTransaction.write(target) {
        try Data("half".utf8).write(to: $0.appending(path: "manifest.json"))
        throw PowerCut()
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test func aFullDiskIsNamedInWords() throws {
    let folder = try TemporaryFolder()
    let target = folder.url.appending(path: "0001")
    let error = #expect(throws: InspectionError.self) {
      try FolderTransaction.write(target) { _ in
        // The kernel's file that is always full.
        try Data("x".utf8).write(to: URL(filePath: "/dev/full"))
      }
    }
    #expect(error?.description == "Could not write \(target.path): no space left on device.")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test func whatADeadWriterLeftIsRemovedAndALivingOnesIsNot() throws {
    let folder = try TemporaryFolder()
    // Process numbers end far below this one.
    let dead = folder.url.appending(path: ".partial-999999999-0001-7")
    let living = folder.url.appending(path: ".partial-\(ProcessInfo.processInfo.processIdentifier)-0001-7")
    for partial in [dead, living] {
      try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: false)
    }
    #expect(RecipeVersion.all(in: folder.url).isEmpty)
    try FolderTransaction.write(folder.url.appending(path: "0001")) {
      try Data("x".utf8).write(to: $0.appending(path: "x"))
    }
    #expect(!FileManager.default.fileExists(atPath: dead.path))
    #expect(FileManager.default.fileExists(atPath: living.path))
    #expect(throws: InspectionError.self) {
      try FolderTransaction.write(folder.url.appending(path: "0001")) { _ in }
    }
  }

  @Test func aCalibrationOfAnotherBankIsRefused() throws {
    let folder = try TemporaryFolder()
    let other = try MemoryBank.build(references: references, encoder: encoder, options: .small(views: .four))
    let error = #expect(throws: InspectionError.self) {
      try RecipeVersion.create(
        in: folder.url, bank: try bank(), references: references, calibration: try calibration(other))
    }
    #expect(error?.description.contains("calibrate this bank") == true)
    #expect(throws: InspectionError.self) {
      try RecipeVersion.create(
        in: folder.url, bank: try bank(), references: Part.references(2), calibration: nil)
    }
  }
}
