import Compute
import Foundation
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

@Suite struct TextTowerTests {
  private static let end: Int32 = 559
  /// With equal beginnings, one that is the beginning of another, one twice, and one of full length.
  private static let prompts: [[Int32]] = [
    [558, 3, 4, 5, end], [558, 3, 4, 9, 10, end], [558, 3, 4], [558, 3, 4, 5, end], [558, end],
    [558] + (0..<18).map { 20 + $0 } + [end],
  ]

  @Test func `a forest holds equal beginnings once and ends last`() {
    let forest = PromptForest(Self.prompts.map { $0.map(PromptToken.word) })
    // 558; 3, 4; 5, end; 9, 10, end; end; 18 words and end.
    #expect(forest.rows == 1 + 2 + 2 + 3 + 1 + 19)
    #expect(forest.ends[0] == forest.ends[3])
    #expect(Set(forest.ends) == Set(forest.firstEnd..<forest.rows))
    for (prompt, end) in zip(Self.prompts, forest.ends) {
      let path = forest.paths[Int(forest.starts[end])..<Int(forest.starts[end + 1])]
      #expect(path.map { forest.tokens[Int($0)] } == prompt.map(PromptToken.word))
      #expect(forest.positions[end] == prompt.count - 1)
    }
    #expect(forest.length == 20)
  }

  @Test(arguments: ImageTowerConfiguration.Activation.allCases)
  func `features are those of the whole context, prompt by prompt`(
    _ activation: ImageTowerConfiguration.Activation
  ) throws {
    let text = try RandomText(activation: activation)
    let found = text.tower.features(tokens: Self.prompts)
    let wanted = try ReferenceTextTower(model: text.model).features(tokens: Self.prompts)
    #expect(found.largestDifference(from: wanted) < 2e-5)
    #expect((wanted.values.map(abs).max() ?? 0) > 0.5)
  }

  @Test func `the bits depend neither on the instruction set nor on the threads`() throws {
    let wanted = try RandomText(threads: 1).tower.features(tokens: Self.prompts)
    for path in KernelPath.available {
      #expect(try RandomText(threads: 3, path: path).tower.features(tokens: Self.prompts) == wanted)
    }
  }

  @Test func `what follows the end of text does not matter`() throws {
    let tower = try RandomText().tower
    let padded = Self.prompts.map { $0 + [Int32](repeating: 0, count: 20 - $0.count) }
    let ended = Self.prompts.indices.filter { Self.prompts[$0].last == Self.end }
    let found = tower.features(tokens: ended.map { padded[$0] })
    #expect(found == tower.features(tokens: ended.map { Self.prompts[$0] }))
  }

  @Test func `a model without text tower is refused`() throws {
    let folder = try TemporaryFolder()
    let image = ImageTowerConfiguration(
      patchSize: 8, width: 16, depth: 1, heads: 1, mlpWidth: 16, activation: .gelu, layerNormEpsilon: 1e-5,
      hasPreNorm: false, gridRows: 2, gridColumns: 2, positionInterpolation: .bicubic, embeddingWidth: nil,
      mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let origin = ModelOrigin(
      attribution: "zeros", layout: "none", sourceFile: "none", sourceHash: "none", sourceTensors: 0,
      sourceParameters: 0, tool: "tests")
    try ModelFile.write(
      to: folder.file("model.safetensors"), configuration: image, precision: .float32, origin: origin
    ) { [Float](repeating: 0, count: $1.reduce(1, *)) }
    let model = try ModelFile(contentsOf: folder.file("model.safetensors"))
    #expect { try TextTower(model: model) } throws: { "\($0)".contains("has no text tower") }
  }
}
