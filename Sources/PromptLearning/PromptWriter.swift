public import Compute
public import Inspection
public import Transformer

/// Turns a recipe's words into what pictures are compared with, by the text tower of the station's model.
public struct PromptWriter: Sendable {
  public let tower: TextTower
  private let tokenizer: Tokenizer

  /// Reads the model's text tower and vocabulary: see `TextTower.init` for what that takes.
  public init(model: ModelFile, path: KernelPath, pool: ThreadPool) throws(ModelFileError) {
    tower = try TextTower(model: model, path: path, pool: pool)
    tokenizer = try Tokenizer(model: model)
  }

  /// The text tower of an engine's model, on the engine's threads; nil where the model has none.
  public init?(engine: InspectionEngine) throws {
    guard let model = engine.model, model.text != nil else { return nil }
    switch engine.search {
    case .quantised(let path, let pool): try self.init(model: model, path: path, pool: pool)
    case .reference: try self.init(model: model, path: KernelPath.preferred(), pool: ThreadPool())
    }
  }

  /// Prompts as they are written, without learning: the mean of unit features of every phrase in every sentence.
  ///
  /// - Parameter temperature: `.exponential` to judge by words alone, `.logit` beside a memory bank, as PromptAD
  ///   balances the two.
  public func ensemble(
    _ words: PromptRecipe, temperature: LearningOptions.Temperature
  ) throws(PromptLearningError) -> TextGuidance {
    let abnormal = DefectPhrase.generic + words.defects.map { DefectPhrase($0) }
    let named = words.defects.isEmpty ? abnormal.indices : DefectPhrase.generic.count..<abnormal.count
    let normal = words.normal.isEmpty ? Self.normalStates : words.normal
    let normalMean = try mean(normal.map { $0.contains("{}") ? $0 : "\($0) {}" }, words.product)
    var sums = Matrix(rows: abnormal.count, columns: tower.embeddingWidth)
    for (row, phrase) in abnormal.enumerated() {
      let mean = try mean([phrase.template], words.product)
      for channel in 0..<mean.columns { sums[row, channel] = mean[0, channel] }
    }
    var abnormalMean = Matrix(rows: 1, columns: sums.columns)
    for row in 0..<sums.rows {
      for channel in 0..<sums.columns { abnormalMean[0, channel] += sums[row, channel] }
    }
    let both = Matrix(rows: 2, columns: sums.columns, values: normalMean.values + abnormalMean.values)
      .l2Normalised()
    return TextGuidance(
      prototypes: TextPrototypes(
        image: both, pixel: both, defects: named.map { abnormal[$0].name },
        defectFeatures: sums.rows(Array(named)).l2Normalised(),
        scale: temperature.scale(logitScale: tower.logitScale), logitScale: tower.logitScale),
      origin: .ensemble)
  }

  /// Prompts learned from references: PromptAD.
  ///
  /// - Parameters:
  ///   - features: of the references, `TextGuidance.features`.
  ///   - progress: called after each step; what it throws ends the learning.
  public func learn(
    _ words: PromptRecipe, features: (images: Matrix, patches: Matrix), options: LearningOptions,
    progress: (PromptAD.Progress) throws -> Void = { _ in }
  ) throws -> TextGuidance {
    let learner = try PromptAD(tower: tower, options: options, encode: tokenizer.encode)
    let result = try learner.learn(
      product: words.product, defects: words.defects.map { DefectPhrase($0) },
      references: PromptAD.References(images: features.images, patches: features.patches), progress: progress)
    return TextGuidance(
      prototypes: result.prototypes, origin: .learned,
      fusion: options.rules == PromptADRules(.released) ? .released : .harmonicMean)
  }

  /// What good parts are like where the recipe does not say it.
  static let normalStates = [
    "{}", "flawless {}", "perfect {}", "unblemished {}", "{} without flaw", "{} without defect",
    "{} without damage",
  ]

  /// What a phrase is said in.
  static let sentences = [
    "{}.", "a photo of a {}.", "a photo of the {}.", "a close-up photo of a {}.",
    "a cropped photo of the {}.",
  ]

  /// The mean of unit features of phrases in every sentence, one row.
  private func mean(_ templates: [String], _ product: String) throws(PromptLearningError) -> Matrix {
    var prompts: [[Int32]] = []
    for template in templates {
      let phrase = template.replacing("{}", with: product)
      for sentence in Self.sentences {
        let text = sentence.replacing("{}", with: phrase)
        let count = tokenizer.encode(text).count + 2
        guard count <= tower.configuration.contextLength else {
          throw .promptTooLong(text: text, tokens: count, limit: tower.configuration.contextLength)
        }
        prompts.append(tokenizer.tokens(text, contextLength: tower.configuration.contextLength))
      }
    }
    let features = tower.features(tokens: prompts).l2Normalised()
    var mean = Matrix(rows: 1, columns: features.columns)
    for row in 0..<features.rows {
      for channel in 0..<features.columns {
        mean[0, channel] += features[row, channel] / Float(features.rows)
      }
    }
    return mean
  }
}
