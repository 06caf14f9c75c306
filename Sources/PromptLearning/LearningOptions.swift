internal import Foundation

/// How prompts are learned. The defaults are the published settings.
public struct LearningOptions: Sendable, Codable, Equatable {
  /// What similarities are multiplied with before a softmax, from the checkpoint's `logit_scale`.
  public enum Temperature: String, Sendable, Codable, CaseIterable {
    /// `logit_scale` itself, about 4.6: what the published figures, learning rate and fusion were made with.
    case logit
    /// exp(`logit_scale`), about 100: how CLIP was trained.
    case exponential

    func scale(logitScale: Float) -> Float { self == .logit ? logitScale : exp(logitScale) }
  }

  public var rules: PromptADRules
  public var temperature: Temperature
  /// Normal contexts of the set that judges whole images, and of the one that judges pixels.
  public var imageContexts: Int
  public var pixelContexts: Int
  /// Vectors of a context.
  public var contextLength: Int
  /// Learned anomaly vectors of a set.
  public var anomalyVectors: Int
  public var steps: Int
  /// The learning rate falls from the first to the last along half a cosine.
  public var learningRate: Double
  public var finalLearningRate: Double
  public var momentum: Double
  public var weightDecay: Double
  /// The weight of the alignment of learned with manual anomaly prompts.
  public var alignmentWeight: Double
  /// Standard deviation of the vectors before the first step.
  public var initialDeviation: Double
  /// The same seed gives the same prompts, bit for bit.
  public var seed: UInt64

  private enum CodingKeys: String, CodingKey {
    case rules, temperature, steps, momentum, seed
    case imageContexts = "image_contexts"
    case pixelContexts = "pixel_contexts"
    case contextLength = "context_length"
    case anomalyVectors = "anomaly_vectors"
    case learningRate = "learning_rate"
    case finalLearningRate = "final_learning_rate"
    case weightDecay = "weight_decay"
    case alignmentWeight = "alignment_weight"
    case initialDeviation = "initial_deviation"
  }

  public init(parity: PromptADParity = .corrected) {
    rules = PromptADRules(parity)
    temperature = .logit
    imageContexts = 3
    pixelContexts = 1
    contextLength = 4
    anomalyVectors = 4
    steps = 100
    learningRate = 0.002
    finalLearningRate = 1e-5
    momentum = 0.9
    weightDecay = 5e-4
    alignmentWeight = 0.001
    initialDeviation = 0.02
    seed = 111
  }

  /// The learning rate of a step, counted from 0.
  func rate(step: Int) -> Double {
    let way = (1 + cos(.pi * Double(step) / Double(steps))) / 2
    return finalLearningRate + (learningRate - finalLearningRate) * way
  }

  /// - Throws: `PromptLearningError.option` with the allowed range.
  func validate() throws(PromptLearningError) {
    for (name, value, range) in [
      ("image contexts", imageContexts, 1...64), ("pixel contexts", pixelContexts, 1...64),
      ("vectors of a context", contextLength, 1...32), ("anomaly vectors", anomalyVectors, 1...64),
      ("steps", steps, 1...10_000),
    ] where !range.contains(value) {
      throw .option("The number of \(name) is \(value): choose \(range.lowerBound) to \(range.upperBound).")
    }
    for (name, value, range) in [
      ("learning rate", learningRate, 1e-7...1), ("final learning rate", finalLearningRate, 0...1),
      ("momentum", momentum, 0...0.999), ("weight decay", weightDecay, 0...1),
      ("weight of the alignment", alignmentWeight, 0...1e3),
      ("deviation of the first vectors", initialDeviation, 0...10),
    ] where !range.contains(value) {
      throw .option("The \(name) is \(value): choose \(range.lowerBound) to \(range.upperBound).")
    }
  }
}
