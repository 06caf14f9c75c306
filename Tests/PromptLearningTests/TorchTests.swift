import Compute
import Foundation
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

/// The text tower and its backward pass against open_clip's modules and torch's autograd, for small towers of each
/// released shape.
@Suite struct TorchTests {
  private struct Facts: Decodable {
    let width: Int
    let depth: Int
    let heads: Int
    let activation: ImageTowerConfiguration.Activation
    let context: Int
    let vocabulary: Int
    let embedding: Int
  }

  @Test(
    .enabled(if: Oracle.openCLIPPython != nil, "ASSAYD_OPEN_CLIP_PYTHON is not set: run Scripts/test"),
    arguments: ["openai", "laion", "tinyclip"])
  func `features and gradients are open_clip's`(_ variant: String) throws {
    let folder = try TemporaryFolder()
    let printed = try Oracle.run(
      "text_gradient", [variant, "5", folder.url.path], python: Oracle.openCLIPPython)
    let facts = try JSONDecoder().decode(Facts.self, from: printed)
    let expected = try SafeTensorsFile(contentsOf: folder.file("expected.safetensors"))
    func matrix(_ name: String) throws -> Matrix {
      let view = try #require(expected.tensor(named: name))
      let shape = view.description.shape
      return Matrix(rows: shape[0], columns: shape[1], values: try #require(view.floats()))
    }
    let tower = try TextTower(
      model: try Self.model(facts, in: folder), pool: ThreadPool(threads: 2))

    let view = try #require(expected.tensor(named: "tokens"))
    let prompts = (0..<view.description.shape[0]).map { row -> [PromptToken] in
      let ids = (0..<facts.context).map { column in
        view.bytes.loadUnaligned(fromByteOffset: (row * facts.context + column) * 4, as: Int32.self)
      }
      let end = ids.firstIndex(of: Int32(facts.vocabulary - 1)) ?? facts.context - 1
      return ids[...end].map { $0 < 0 ? .vector(Int(-1 - $0)) : .word($0) }
    }
    let vectors = try matrix("vectors")
    let pass = TextPass(tower: tower, forest: PromptForest(prompts), keepsBlocks: true)
    let features = pass.features(vectors: vectors)
    #expect(Self.distance(features, try matrix("features")) < 1e-4)
    let gradient = TextGradient(pass: pass).vectors(vectors.rows, upstream: try matrix("upstream"))
    #expect(Self.distance(gradient, try matrix("gradient")) < 1e-4)
  }

  private static func model(_ facts: Facts, in folder: TemporaryFolder) throws -> ModelFile {
    let weights = try SafeTensorsFile(contentsOf: folder.file("weights.safetensors"))
    let image = ImageTowerConfiguration(
      patchSize: 8, width: 16, depth: 1, heads: 1, mlpWidth: 16, activation: .gelu, layerNormEpsilon: 1e-5,
      hasPreNorm: false, gridRows: 2, gridColumns: 2, positionInterpolation: .bicubic,
      embeddingWidth: facts.embedding, mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let text = TextTowerConfiguration(
      width: facts.width, depth: facts.depth, heads: facts.heads, mlpWidth: 4 * facts.width,
      contextLength: facts.context, vocabularySize: facts.vocabulary, activation: facts.activation,
      layerNormEpsilon: 1e-5)
    let origin = ModelOrigin(
      attribution: "open_clip, seeded random weights", layout: "none", sourceFile: "none", sourceHash: "none",
      sourceTensors: 0, sourceParameters: 0, tool: "tests")
    try ModelFile.write(
      to: folder.file("model.safetensors"), configuration: image, text: (text, RandomText.merges),
      precision: .float32, origin: origin
    ) { name, shape in
      weights.tensor(named: name)?.floats() ?? [Float](repeating: 0, count: shape.reduce(1, *))
    }
    return try ModelFile(contentsOf: folder.file("model.safetensors"))
  }

  /// The largest distance of a row, over the length of the wanted one.
  private static func distance(_ found: Matrix, _ wanted: Matrix) -> Double {
    guard found.rows == wanted.rows, found.columns == wanted.columns else { return .infinity }
    return (0..<wanted.rows).reduce(0) { worst, row in
      let (a, b) = (found.row(row), wanted.row(row))
      let difference = zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
      return max(worst, (difference / b.reduce(0) { $0 + Double($1) * Double($1) }).squareRoot())
    }
  }
}
