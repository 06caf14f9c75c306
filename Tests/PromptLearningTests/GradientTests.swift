import Compute
import Foundation
import Inspection
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

/// The backward pass against finite differences of the forward pass.
@Suite struct GradientTests {
  private static let vectorScale: Float = 0.5

  private static func set(contexts: Int) -> PromptSet {
    func prompt(_ context: Int, _ middle: [PromptToken]) -> [PromptToken] {
      [.word(558)] + (0..<4).map { .vector(context * 4 + $0) } + middle + [.word(559)]
    }
    let anomaly = contexts * 4
    let contextRange = 0..<contexts
    return PromptSet(
      normal: contextRange.map { prompt($0, [.word(10)]) },
      manual: contextRange.map { prompt($0, [.word(11), .word(10)]) }
        + contextRange.map { prompt($0, [.word(10), .word(12), .word(13)]) }
        // The same phrase twice, as VisA's fryum has it.
        + contextRange.map { prompt($0, [.word(10), .word(12), .word(13)]) },
      learned: (0..<contexts * 4).map { prompt($0 % contexts, [.word(10), .vector(anomaly + $0 % 4)]) },
      contexts: contexts, contextLength: 4, anomalyVectors: 4)
  }

  @Test(arguments: ImageTowerConfiguration.Activation.allCases)
  func `the tower's gradient at its vectors`(_ activation: ImageTowerConfiguration.Activation) throws {
    let text = try RandomText(activation: activation)
    let set = Self.set(contexts: 3)
    let pass = TextPass(tower: text.tower, forest: PromptForest(set.prompts), keepsBlocks: true)
    let vectors = RandomText.matrix(rows: set.vectors, columns: 32, seed: 1, scale: Self.vectorScale)
    let upstream = RandomText.matrix(rows: set.prompts.count, columns: 24, seed: 2)
    func value(_ vectors: Matrix) -> Double {
      zip(pass.features(vectors: vectors).values, upstream.values).reduce(0) {
        $0 + Double($1.0) * Double($1.1)
      }
    }
    _ = pass.features(vectors: vectors)
    let gradient = TextGradient(pass: pass).vectors(set.vectors, upstream: upstream)
    Self.compare(gradient, vectors, value)
  }

  @Test(arguments: PromptADRules.Margin.allCases, [1, 3])
  func `the losses' gradient at the vectors`(_ margin: PromptADRules.Margin, _ contexts: Int) throws {
    let text = try RandomText()
    let set = Self.set(contexts: contexts)
    let perImage = contexts == 3 && margin != .squaredOverPatches ? 1 : 5
    let features = RandomText.matrix(rows: 3 * perImage, columns: 24, seed: 3).l2Normalised()
    let objective = PromptObjective(
      features: features, featuresPerImage: perImage, set: set, margin: margin, scale: 4.6,
      // Large enough to be seen beside the others.
      alignmentWeight: 0.5, path: text.tower.path, pool: text.tower.pool)
    let pass = TextPass(tower: text.tower, forest: PromptForest(set.prompts), keepsBlocks: true)
    let vectors = RandomText.matrix(rows: set.vectors, columns: 32, seed: 4, scale: Self.vectorScale)
    let evaluated = objective.evaluate(pass.features(vectors: vectors))
    #expect(evaluated.losses.margin > 0, "the margin is not exercised")
    let gradient = TextGradient(pass: pass).vectors(set.vectors, upstream: evaluated.gradient)
    Self.compare(gradient, vectors) { objective.evaluate(pass.features(vectors: $0)).losses.total }
  }

  /// Along random directions, the slope by a five-point difference and by the gradient.
  private static func compare(_ gradient: Matrix, _ vectors: Matrix, _ value: (Matrix) -> Double) {
    let length = gradient.values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    for seed in 10..<22 {
      let direction = RandomText.matrix(rows: vectors.rows, columns: vectors.columns, seed: UInt64(seed))
      let norm = direction.values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      func moved(_ step: Double) -> Double {
        var moved = vectors
        for index in moved.values.indices {
          moved.values[index] += Float(step / norm * Double(direction.values[index]))
        }
        return value(moved)
      }
      let h = 0.02
      let difference = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
      let slope = zip(gradient.values, direction.values).reduce(0) { $0 + Double($1.0) * Double($1.1) } / norm
      #expect(abs(difference - slope) < 2e-3 * length, "\(difference), but the gradient says \(slope)")
    }
  }
}
