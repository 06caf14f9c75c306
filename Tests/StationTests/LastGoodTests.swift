import Foundation
import Inspection
import Messaging
import Testing

@testable import Station

/// A broken file at the start means the last configuration that was in use, and a power cut means no worse.
@Suite struct LastGoodTests {
  private func kept(_ folder: ConfigurationFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.paths.keptConfigurations.path).sorted()
  }

  @Test func aBrokenOrMissingFileLeadsToTheLastGoodOne() throws {
    let folder = try ConfigurationFolder()
    let good = try folder.load()
    #expect(try StationConfiguration.loadForStart(paths: folder.paths).refusal == nil)
    try ConfigurationArchive(paths: folder.paths).keep(good)
    try ConfigurationArchive(paths: folder.paths).keep(good)
    #expect(try kept(folder) == ["000001-\(good.hash)"])

    try folder.write("etc/assayd/lines/mono.yaml", "replay: [")
    let (configuration, refusal) = try StationConfiguration.loadForStart(paths: folder.paths)
    #expect(refusal?.problems.first?.file.hasSuffix("lines/mono.yaml") == true)
    #expect(configuration.hash == good.hash && configuration.lines == good.lines)
    #expect(configuration.broker == good.broker && configuration.recipes == good.recipes)

    try FileManager.default.removeItem(at: folder.paths.stationFile)
    #expect(try StationConfiguration.loadForStart(paths: folder.paths).refusal?.isMissing == true)
  }

  /// A line whose pictures are gone must not keep the others from starting.
  @Test func aFolderThatHasGoneLeadsToTheLastGoodOneToo() throws {
    let folder = try ConfigurationFolder()
    let good = try folder.load()
    try ConfigurationArchive(paths: folder.paths).keep(good)
    try FileManager.default.removeItem(at: folder.paths.root.appending(path: "pictures"))
    let (configuration, refusal) = try StationConfiguration.loadForStart(paths: folder.paths)
    #expect(refusal?.problems.first?.message.contains("no such file or directory") == true)
    #expect(configuration.hash == good.hash)
  }

  @Test func withoutOneTheStartFails() throws {
    let folder = try ConfigurationFolder(lines: ["mono": "replay: ["])
    #expect(throws: ConfigurationError.self) { try StationConfiguration.loadForStart(paths: folder.paths) }
  }

  /// Every file of the newest kept one torn, emptied or gone: then the one before counts.
  @Test(arguments: ["assayd.yaml", "lines/mono.yaml", "recipes/cell.yaml"], [0, 1, 2])
  func aTornOneIsPassedOver(file: String, damage: Int) throws {
    let folder = try ConfigurationFolder()
    let archive = ConfigurationArchive(paths: folder.paths)
    let first = try folder.load()
    try archive.keep(first)
    try folder.write("etc/assayd/recipes/cell.yaml", "product: Cell\nversion: 3")
    try archive.keep(try folder.load())
    try folder.write("etc/assayd/assayd.yaml", "broken: [")
    let newest = folder.paths.keptConfigurations.appending(path: try #require(try kept(folder).last))
    #expect(try StationConfiguration.loadForStart(paths: folder.paths).configuration.hash != first.hash)

    let target = newest.appending(path: file)
    let content = try Data(contentsOf: target)
    switch damage {
    case 0: try Data().write(to: target)
    case 1: try content.prefix(content.count / 2).write(to: target)
    default: try FileManager.default.removeItem(at: target)
    }
    #expect(try StationConfiguration.loadForStart(paths: folder.paths).configuration.hash == first.hash)
  }

  @Test func onlyAFewAreKept() throws {
    let folder = try ConfigurationFolder()
    for version in 1...6 {
      try folder.write("etc/assayd/recipes/cell.yaml", "product: Cell\nversion: \(version)")
      try ConfigurationArchive(paths: folder.paths).keep(try folder.load())
    }
    #expect(try kept(folder).map { String($0.prefix(6)) } == ["000004", "000005", "000006"])
  }

  @Test func aStationKeepsWhatItRunsAndSaysWhenItIsAnOldOne() async throws {
    let bench = try StationBench(["a": ScriptedSource([.frame(Parts.raw(seed: 1))])])
    try await bench.run {
      try await StationBench.wait(for: "the kept configuration") {
        ConfigurationArchive(paths: bench.folder.paths).newest() != nil
      }
      #expect(!bench.station.status.configuration.isLastGood)
    }
    try bench.write(line: "a", "camera: 3")
    let (configuration, refusal) = try StationConfiguration.loadForStart(paths: bench.folder.paths)
    let again = try bench.sibling(configuration, refusal: refusal)
    let status = again.status.configuration
    #expect(
      status.isLastGood && status.refusal?.cause == "start" && status.refusal?.problems.isEmpty == false)
    // Put right, the files are in use again.
    try bench.write(line: "a", StationBench.line(camera: "a"))
    guard case .done = await again.reloader.reload(.fileChange) else {
      Issue.record("The reload was refused.")
      return
    }
    #expect(!again.status.configuration.isLastGood && again.status.configuration.refusal == nil)
  }

  /// Whoever puts a folder where a file says it is has not saved the file again.
  @Test func whatAFileNamesMayComeLater() async throws {
    let bench = try StationBench(["a": ScriptedSource([.frame(Parts.raw(seed: 1))])])
    try await bench.run {
      try bench.write(line: "b", "replay:\n  folder: later\nrecipe: cell\n")
      try await StationBench.wait(for: "the refusal") { bench.station.status.configuration.refusal != nil }
      #expect(bench.station.status.lines.map(\.line) == ["a"])
      try FileManager.default.createDirectory(
        at: bench.folder.paths.root.appending(path: "later"), withIntermediateDirectories: false)
      try await StationBench.wait(for: "the line") { bench.station.status.lines.map(\.line) == ["a", "b"] }
      let configuration = bench.station.status.configuration
      #expect(configuration.refusal == nil && configuration.refusals == 1)
    }
  }

  @Test func aChangeoverHoldsUntilTheFileSaysAnotherRecipe() throws {
    let folder = try ConfigurationFolder(recipes: [
      "cell": "product: A", "plate": "product: B", "rod": "product: C",
    ])
    func recipe() throws -> String? {
      Changeovers(contentsOf: folder.paths.changeovers).applied(to: try folder.load()).lines.first?.recipe
    }
    #expect(try recipe() == "cell")
    var changeovers = Changeovers(contentsOf: folder.paths.changeovers)
    changeovers.change("mono", configured: "cell", to: "plate")
    try changeovers.write(to: folder.paths.changeovers)
    #expect(try recipe() == "plate")
    try folder.write(
      "etc/assayd/lines/mono.yaml", ConfigurationFolder.line.replacing("recipe: cell", with: "recipe: rod"))
    #expect(try recipe() == "rod")
    // A torn file is none.
    try folder.write("etc/assayd/lines/mono.yaml", ConfigurationFolder.line)
    try folder.write("var/lib/assayd/changeovers.json", "{\"entr")
    #expect(try recipe() == "cell")
  }

  @Test func aChangeoverBesideABrokenFileHoldsWhenItIsPutRight() async throws {
    let bench = try StationBench(["a": ScriptedSource([.frame(Parts.raw(seed: 1))])])
    try bench.addRecipe("strict", replacing: "threshold: 0.2", with: "threshold: 0.00001")
    func recipe() -> String? { bench.station.status.lines.first?.recipe.id }
    func change(to recipe: String) async {
      guard case .done = await bench.station.reloader.changeRecipe(of: "a", to: recipe) else {
        Issue.record("The changeover was refused.")
        return
      }
    }
    func saveAndReload(_ text: String) async throws {
      try bench.write(line: "a", text)
      _ = await bench.station.reloader.reload(.fileChange)
    }
    try await bench.run {
      let sound = StationBench.line(camera: "a")
      try await saveAndReload(sound)
      try await saveAndReload("camera: 3")
      await change(to: "strict")
      try await saveAndReload(sound)
      #expect(recipe() == "strict")
      // And back, while it holds.
      try await saveAndReload("camera: 3")
      await change(to: "cell")
      try await saveAndReload(sound)
      #expect(recipe() == "cell" && Changeovers(contentsOf: bench.folder.paths.changeovers).entries.isEmpty)
    }
  }
}
