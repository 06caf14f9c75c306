import Compute
import Foundation
import TestSupport
import Transformer

@testable import PromptLearning

/// The fixture's text tower and its prompts.
final class FixtureTower: Sendable {
  let fixture: PromptADFixture
  let model: ModelFile
  let tower: TextTower

  /// One for all tests: writing the model takes a second.
  static let shared = Result { try FixtureTower() }

  private init() throws {
    fixture = try PromptADFixture()
    model = try fixture.model()
    tower = try TextTower(model: model, pool: ThreadPool(threads: 2))
  }

  /// The prompts of `cls`, `seg` or `segch`, with vectors where the release overwrites placeholders.
  func prompts(_ task: String) throws -> PromptSet {
    let contexts = try fixture.shape("fx.\(task).P0")[0]
    func rows(_ kind: String, anomalies: Int = 0) throws -> [[PromptToken]] {
      let shape = try fixture.shape("fx.\(task).tokens.\(kind)")
      let ids = try fixture.integers("fx.\(task).tokens.\(kind)")
      return (0..<shape[0]).map { row in
        let all = ids[row * shape[1]..<(row + 1) * shape[1]].map(PromptToken.word)
        let length = (all.firstIndex(of: .word(49407)) ?? 76) + 1
        var prompt = Array(all.prefix(length))
        for place in 0..<4 { prompt[1 + place] = .vector(row % contexts * 4 + place) }
        if anomalies > 0 { prompt[5] = .vector(contexts * 4 + row % anomalies) }
        return prompt
      }
    }
    return PromptSet(
      normal: try rows("np"), manual: try rows("map"), learned: try rows("lap", anomalies: 4),
      contexts: contexts, contextLength: 4, anomalyVectors: 4)
  }

  /// Contexts and anomaly vectors after so many steps, or their gradients, as one matrix.
  func vectors(_ contexts: String, _ anomalies: String) throws -> Matrix {
    let values = try fixture.floats(contexts) + fixture.floats(anomalies)
    return Matrix(rows: values.count / 80, columns: 80, values: values)
  }

  /// What the release computes for a task, or one of its readings exchanged for another.
  ///
  /// - Parameter moved: whether learned anomaly vectors stand behind the product's name.
  func training(
    _ task: String, margin: PromptADRules.Margin? = nil, moved: Bool = false, scale: Float? = nil
  ) throws -> PromptTraining {
    let set = moved ? Self.moved(try prompts(task)) : try prompts(task)
    let isImage = task == "cls"
    let released: PromptADRules.Margin =
      switch task {
      case "cls": PromptADRules(.released).imageMargin
      case "seg": PromptADRules(.released).pixelMargin
      default: .squared
      }
    let options = LearningOptions(parity: .released)
    let objective = PromptObjective(
      features: try fixture.matrix(isImage ? "fx.support.g" : "fx.support.f"),
      featuresPerImage: isImage ? 1 : 25, set: set, margin: margin ?? released,
      scale: scale ?? options.temperature.scale(logitScale: tower.logitScale),
      alignmentWeight: options.alignmentWeight,
      path: tower.path, pool: tower.pool)
    let member = PromptTraining.Member(
      set: set, objective: objective, vectors: try vectors("fx.\(task).P0", "fx.\(task).A0"),
      descent: MomentumDescent(momentum: options.momentum, decay: options.weightDecay))
    return PromptTraining(tower: tower, options: options, members: [member])
  }

  private static func moved(_ set: PromptSet) -> PromptSet {
    let learned = set.prompts[set.learned].map { prompt in
      var prompt = prompt
      prompt.swapAt(5, 6)
      return prompt
    }
    return PromptSet(
      normal: Array(set.prompts[set.normal]), manual: Array(set.prompts[set.manual]), learned: learned,
      contexts: set.contexts, contextLength: 4, anomalyVectors: 4)
  }
}
