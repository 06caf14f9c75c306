import Foundation
import Imaging
import Inspection
import Messaging
import Station
import TestSupport
import Testing
import Transformer

/// `assayctl learn` as a person meets it, on a small random model of both towers.
@Suite struct LearnCommandTests {
  @Test func aVersionHoldsEverythingAndRepeatsItselfByteForByte() async throws {
    let folder = try Self.folder()
    let first = try await Self.learn(folder, ["--seed", "5", "--threads", "1", "--json"])
    #expect(first.status == 0, "\(first.errors)")
    let manifest = try #require(
      try JSONSerialization.jsonObject(with: Data(first.output.utf8)) as? [String: Any])
    #expect(manifest["version"] as? Int == 1)
    #expect(first.errors.isEmpty, "There is no terminal to show progress on.")
    #expect(try await Self.learn(folder, ["--seed", "5", "--threads", "3"]).status == 0)
    let other = try await Self.learn(folder, ["--seed", "6"])
    #expect(other.output.contains(#"Prompts were learned for "#) && other.output.contains("version 3"))

    let files = try (1...3).map { try Self.files(folder, version: $0) }
    #expect(files[0].keys.sorted() == files[1].keys.sorted())
    for (name, bytes) in files[0] where name != "manifest.json" {
      #expect(files[1][name] == bytes, "\(name) differs between two runs with the same seed.")
    }
    #expect(files[0].contains { files[2][$0.key] != $0.value && $0.key.contains("prompts") })
    let learned = try RecipeVersion(contentsOf: Self.versions(folder).appending(path: "0001"))
    let prompts = try #require(learned.manifest.prompts)
    #expect(prompts.origin == .learned && prompts.recipe.product == "#" && prompts.recipe.defects == ["$"])
    #expect(prompts.recipe.learning?.contains(#""seed":5"#) == true)
    #expect(learned.guidance?.prototypes.defects == ["$"])
  }

  @Test(arguments: [SIGINT, SIGTERM]) func anInterruptionLeavesNothing(_ signal: Int32) async throws {
    let folder = try Self.folder()
    #expect(try await Self.learn(folder, ["--steps", "1"]).status == 0)
    let before = try Self.files(folder)
    let run = try Daemon(
      Self.arguments(folder, ["--steps", "10000", "--threads", "2"]), program: "assayctl")
    try await StationBench.wait(for: "a program that takes signals", seconds: 30) { run.looksAfter(SIGTERM) }
    try await Task.sleep(for: .milliseconds(300))
    run.send(signal)
    let end = try await run.end(seconds: 60)
    #expect(end.status == 130)
    #expect(end.errors == "assayctl: Interrupted; nothing was written.\n")
    #expect(end.output.isEmpty)
    #expect(try Self.files(folder) == before)
  }

  @Test func aModelWithoutTextTowerIsRefusedInASentence() async throws {
    let folder = try Self.folder(hasText: false)
    let run = try await Self.learn(folder, [])
    #expect(run.status == 65)
    #expect(run.errors.contains("has no text tower to learn prompts with"), "\(run.errors)")
    #expect(try Self.files(folder).isEmpty)
  }

  /// By words alone, by other words, then by what was learned: each in use without a stop.
  @Test(.enabled(if: Mosquitto.isAvailable, "\(Mosquitto.skipReason)"))
  func aRunningStationGoesOverToNewWordsAndToWhatWasLearned() async throws {
    let broker = try Mosquitto()
    let everything = try broker.subscribe()
    let folder = try Self.folder()
    try folder.write(
      "etc/assayd/assayd.yaml",
      ConfigurationFolder.station.replacing(
        "host: 127.0.0.1", with: "host: 127.0.0.1\n  port: \(broker.port)"))
    let station = try Daemon(["--root", folder.folder.url.path])
    func results() throws -> [ResultMessage] {
      try everything.payloads(on: "test/hall/mono/result").map { try ResultMessage(payload: Array($0.utf8)) }
    }
    try await StationBench.wait(for: "verdicts by words") { try results().contains { $0.score != nil } }
    #expect(try results().allSatisfy { $0.recipe?.version == nil })
    let before = try #require(try results().last?.score)

    try folder.write("etc/assayd/recipes/cell.yaml", Self.recipe(defects: "['% &', '{} & &']"))
    try await StationBench.wait(for: "verdicts by other words", seconds: 5) {
      try results().last?.score.map { $0 != before } == true
    }
    #expect(try await Self.learn(folder, ["--steps", "5"]).status == 0)
    // The recipe's first version makes the folder that is watched; that is looked for every five seconds.
    try await StationBench.wait(for: "verdicts by what was learned", seconds: 15) {
      try results().last?.recipe?.version == "1"
    }
    station.send(SIGTERM)
    #expect(try await station.end().status == 0)
    let sequence = try results().map { Int($0.seq) }
    #expect(sequence == Array(1...sequence.count), "Verdicts were left out.")
  }

  // MARK: -

  private static func recipe(defects: String) -> String {
    """
    product: '#'
    defects: \(defects)
    scoring: {input_width: 32, input_height: 32, blocks: [1], views: 1}
    """
  }

  /// A line that shows one good part again and again, with pictures to learn from.
  private static func folder(hasText: Bool = true) throws -> ConfigurationFolder {
    let folder = try ConfigurationFolder(recipes: ["cell": recipe(defects: "[$]")])
    try folder.write("pictures/a.png", Data(try Parts.picture(seed: 1).pngData()))
    for seed in 0..<3 {
      try folder.write("good/\(seed).png", Data(try Parts.picture(seed: UInt64(seed)).pngData()))
    }
    let image = ImageTowerConfiguration(
      patchSize: 8, width: 16, depth: 1, heads: 1, mlpWidth: 16, activation: .gelu, layerNormEpsilon: 1e-5,
      hasPreNorm: true, gridRows: 4, gridColumns: 4, positionInterpolation: .bicubic, embeddingWidth: 32,
      mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let text = TextTowerConfiguration(
      width: 32, depth: 2, heads: 2, mlpWidth: 64, contextLength: 40, vocabularySize: 560, activation: .gelu,
      layerNormEpsilon: 1e-5)
    let merges = (0..<46).map { "! \(Unicode.Scalar(UInt8(35 + $0)))" }
    var random = SeededGenerator(seed: 7)
    try ModelFile.write(
      to: folder.folder.file("model.safetensors"), configuration: image, text: hasText ? (text, merges) : nil,
      precision: .int8,
      origin: ModelOrigin(
        attribution: "seeded random weights", layout: "none", sourceFile: "none", sourceHash: "none",
        sourceTensors: 0, sourceParameters: 0, tool: "tests")
    ) { name, shape in
      name == "logit_scale"
        ? [4.6] : (0..<shape.reduce(1, *)).map { _ in Float.random(in: -0.5...0.5, using: &random) }
    }
    return folder
  }

  private static func arguments(_ folder: ConfigurationFolder, _ options: [String]) -> [String] {
    let root = folder.folder.url.path
    return ["learn", "--root", root, "--recipe", "cell", "--from", "\(root)/good"] + options
  }

  private static func learn(_ folder: ConfigurationFolder, _ options: [String]) async throws -> Daemon.Run {
    let steps = options.contains("--steps") ? [] : ["--steps", "10"]
    return try await Daemon(arguments(folder, options + steps), program: "assayctl").end(seconds: 60)
  }

  private static func versions(_ folder: ConfigurationFolder) -> URL {
    folder.paths.recipeVersions.appending(path: "cell")
  }

  /// All files of a version, or of all and what else is there, by their paths.
  private static func files(_ folder: ConfigurationFolder, version: Int? = nil) throws -> [String: Data] {
    var top = versions(folder)
    if let version { top.append(path: String(format: "%04d", version)) }
    let paths = (try? FileManager.default.subpathsOfDirectory(atPath: top.path)) ?? []
    var files: [String: Data] = [:]
    for path in paths { files[path] = try? Data(contentsOf: top.appending(path: path)) }
    return files
  }
}
