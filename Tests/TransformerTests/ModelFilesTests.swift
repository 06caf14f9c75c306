import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct ModelFilesTests {
  /// A tower small enough to write in every test, with nothing square or equal that could be mixed up.
  static let configuration = ImageTowerConfiguration(
    patchSize: 2, width: 32, depth: 2, heads: 4, mlpWidth: 40, activation: .quickGELU, layerNormEpsilon: 1e-5,
    hasPreNorm: true, gridRows: 3, gridColumns: 2, positionInterpolation: .bicubicAntialiased,
    embeddingWidth: 24, mean: [0.5, 0.25, 0.125], standardDeviation: [1, 2, 4])

  static let origin = ModelOrigin(
    attribution: "Made by a test, \"quoted\", über", layout: "openclip", sourceFile: "a.safetensors",
    sourceHash: "00", sourceTensors: 1, sourceParameters: 2, tool: "test")

  static func write(_ precision: ModelFile.Precision, to url: URL) throws {
    var generator = SeededGenerator(seed: 7)
    try ModelFile.write(to: url, configuration: configuration, precision: precision, origin: origin) {
      _, shape in
      (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }
    }
  }

  @Test(arguments: ModelFile.Precision.allCases)
  func roundTrip(precision: ModelFile.Precision) throws {
    let folder = try TemporaryFolder()
    try Self.write(precision, to: folder.file("a"))
    let model = try ModelFile(contentsOf: folder.file("a"))
    #expect(model.configuration == Self.configuration)
    #expect(model.precision == precision)
    #expect(model.origin == Self.origin)
  }
}
