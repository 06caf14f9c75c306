public import Transformer

/// The prompts of PromptAD for one product, with vectors where something is learned.
///
/// With P a normal context of `contextLength` vectors and A an anomaly vector:
///
///     normal    [SOT] P name "." [EOT]                one a context
///     manual    [SOT] P phrase "." [EOT]              one a phrase and context, contexts fastest
///     learned   [SOT] P name A "." [EOT]              context i mod contexts, anomaly vector i mod anomalyVectors
///               [SOT] P A name "." [EOT]              in the released code
///
/// The vectors of all contexts come first, then the anomaly vectors. Pairs of contexts and anomaly vectors are tiled, as
/// in the released code, and are all there only where the two numbers have no common divisor.
public struct PromptSet: Sendable, Equatable {
  public let prompts: [[PromptToken]]
  /// Which prompts are of which kind.
  public let normal: Range<Int>
  public let manual: Range<Int>
  public let learned: Range<Int>
  public let contexts: Int
  public let contextLength: Int
  public let anomalyVectors: Int

  /// Rows of the matrix of vectors.
  public var vectors: Int { contexts * contextLength + anomalyVectors }
  public var abnormal: Range<Int> { manual.lowerBound..<learned.upperBound }

  /// - Parameters:
  ///   - product: its name.
  ///   - phrases: at least one.
  ///   - tower: its context length is the limit, and its last two ids are start and end of text.
  ///   - encode: a text's ids without start and end of text.
  init(
    product: String, phrases: [DefectPhrase], contexts: Int, options: LearningOptions,
    tower: TextTowerConfiguration, encode: (String) -> [Int32]
  ) throws(PromptLearningError) {
    let length = options.contextLength
    func prompt(_ context: Int, _ middle: [PromptToken], _ text: String) throws(PromptLearningError)
      -> [PromptToken]
    {
      let vectors = (0..<length).map { PromptToken.vector(context % contexts * length + $0) }
      let endOfText = Int32(tower.vocabularySize - 1)
      let prompt = [.word(endOfText - 1)] + vectors + middle + [.word(endOfText)]
      guard prompt.count <= tower.contextLength else {
        throw .promptTooLong(text: text, tokens: prompt.count, limit: tower.contextLength)
      }
      return prompt
    }
    func words(_ text: String) -> [PromptToken] { encode(text).map(PromptToken.word) }

    var normal: [[PromptToken]] = []
    for context in 0..<contexts { normal.append(try prompt(context, words("\(product)."), product)) }
    var manual: [[PromptToken]] = []
    for phrase in phrases {
      let text = phrase.said(of: product)
      for context in 0..<contexts { manual.append(try prompt(context, words("\(text)."), text)) }
    }
    var learned: [[PromptToken]] = []
    for index in 0..<contexts * options.anomalyVectors {
      let anomaly = PromptToken.vector(contexts * length + index % options.anomalyVectors)
      let middle =
        switch options.rules.anomalyPlace {
        case .afterName: words(product) + [anomaly] + words(".")
        case .beforeName: [anomaly] + words("\(product).")
        }
      learned.append(try prompt(index, middle, product))
    }
    self.init(
      normal: normal, manual: manual, learned: learned, contexts: contexts, contextLength: length,
      anomalyVectors: options.anomalyVectors)
  }

  init(
    normal: [[PromptToken]], manual: [[PromptToken]], learned: [[PromptToken]], contexts: Int,
    contextLength: Int, anomalyVectors: Int
  ) {
    prompts = normal + manual + learned
    self.normal = 0..<normal.count
    self.manual = normal.count..<normal.count + manual.count
    self.learned = normal.count + manual.count..<prompts.count
    self.contexts = contexts
    self.contextLength = contextLength
    self.anomalyVectors = anomalyVectors
  }
}
