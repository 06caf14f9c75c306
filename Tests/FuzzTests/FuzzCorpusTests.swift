import Foundation
import FuzzTargets
import TestSupport
import Testing
import Transformer

/// What `Scripts/fuzz` starts from and what it has found, without libFuzzer: every input is taken, and so is every one with a
/// few bytes lost or changed.
@Suite struct FuzzCorpusTests {
  private static let corpus = Repository.root.appending(path: "Tests/Fuzz/Corpus")

  private static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
    try FileManager.default.contentsOfDirectory(
      at: corpus.appending(path: target.rawValue), includingPropertiesForKeys: nil
    )
    .sorted { $0.lastPathComponent < $1.lastPathComponent }
    .map { ($0.lastPathComponent, Array(try Data(contentsOf: $0))) }
  }

  @Test(arguments: FuzzTarget.allCases)
  func `sound inputs are understood and all others refused in words`(target: FuzzTarget) throws {
    let inputs = try Self.inputs(of: target)
    #expect(inputs.count > 4)
    for (name, bytes) in inputs {
      // The others were found by fuzzing, or are damaged on purpose.
      if name.hasPrefix("sound-") { #expect(target.run(bytes), "\(name)") } else { _ = target.run(bytes) }
    }
    #expect(inputs.contains { $0.name.hasPrefix("sound-") })
    #expect(!target.run([]) && !target.run(Array("no such thing".utf8)))
  }

  @Test(arguments: FuzzTarget.allCases)
  func `nothing that is lost or changed on the way does harm`(target: FuzzTarget) throws {
    var random = SeededGenerator(seed: 11)
    let start = ContinuousClock.now
    for (name, bytes) in try Self.inputs(of: target) where !bytes.isEmpty {
      for _ in 0..<20 {
        _ = target.run(Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))))
        var changed = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          changed[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        _ = target.run(changed)
      }
      #expect(ContinuousClock.now - start < .seconds(120), "\(name) takes for ever")
    }
  }

  /// The models among the seeds are written here, so that they follow the format.
  @Test(arguments: [false, true]) func `model seeds have today's format`(hasText: Bool) throws {
    let image = ImageTowerConfiguration(
      patchSize: 4, width: 8, depth: 1, heads: 2, mlpWidth: 8, activation: .gelu, layerNormEpsilon: 1e-5,
      hasPreNorm: true, gridRows: 2, gridColumns: 2, positionInterpolation: .bicubic,
      embeddingWidth: hasText ? 4 : nil, mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let text = TextTowerConfiguration(
      width: 4, depth: 1, heads: 1, mlpWidth: 4, contextLength: 8, vocabularySize: 514, activation: .gelu,
      layerNormEpsilon: 1e-5)
    let origin = ModelOrigin(
      attribution: "made up", layout: "none", sourceFile: "none", sourceHash: "none", sourceTensors: 0,
      sourceParameters: 0, tool: "tests")
    let folder = try TemporaryFolder()
    let file = folder.file("model.safetensors")
    try ModelFile.write(
      to: file, configuration: image, text: hasText ? (text, []) : nil, precision: .float32, origin: origin
    ) { name, shape in
      [Float](repeating: name == "logit_scale" ? 4.6 : 0.125, count: shape.reduce(1, *))
    }
    let seed = Self.corpus.appending(path: "model/sound-\(hasText ? "both-towers" : "image-tower")")
    if ProcessInfo.processInfo.environment["ASSAYD_WRITE_SEEDS"] != nil {
      try Data(contentsOf: file).write(to: seed)
    }
    #expect(
      try Data(contentsOf: file) == Data(contentsOf: seed), "write the seeds anew with ASSAYD_WRITE_SEEDS=1")
  }
}
