public import Compute
public import Inspection
public import Transformer

/// PromptAD (CVPR 2024): prompts learned from one to four pictures of good parts and a few words.
public struct PromptAD: Sendable {
  /// What the image tower says about the references. It does not depend on the prompts, so it is computed once.
  public struct References: Sendable {
    /// The class token's embedding of each reference, one row each.
    public var images: Matrix
    /// The patches' local embeddings, reference by reference.
    public var patches: Matrix

    public init(images: Matrix, patches: Matrix) {
      self.images = images
      self.patches = patches
    }
  }

  /// How far learning is.
  public struct Progress: Sendable, Equatable {
    /// Steps done, of those there are.
    public var step: Int
    public var steps: Int
    /// The losses of the last step, before its update.
    public var image: PromptLosses
    public var pixel: PromptLosses
    /// What the steps that are left will take if they take as long as those before.
    public var remaining: Duration
  }

  /// What was learned, and with it everything to see how.
  public struct Result: Sendable, Equatable {
    public var prototypes: TextPrototypes
    /// Vectors of the set that judges whole images and of the one that judges pixels: contexts, then anomaly vectors.
    public var imageVectors: Matrix
    public var pixelVectors: Matrix
    /// The losses of every step.
    public var imageLosses: [PromptLosses]
    public var pixelLosses: [PromptLosses]
  }

  public let tower: TextTower
  public let options: LearningOptions
  private let encode: @Sendable (String) -> [Int32]

  /// - Parameter encode: a text's ids without start and end of text: `Tokenizer.encode`.
  /// - Throws: `PromptLearningError.option` where an option is outside its range.
  public init(
    tower: TextTower, options: LearningOptions = LearningOptions(),
    encode: @escaping @Sendable (String) -> [Int32]
  ) throws(PromptLearningError) {
    try options.validate()
    self.tower = tower
    self.options = options
    self.encode = encode
  }

  /// Learns the prompts of a product.
  ///
  /// - Parameters:
  ///   - product: what the part is called in prompts.
  ///   - defects: what it can have, beside what any product can (`DefectPhrase.generic`). Regions are named after
  ///     these; after the generic ones where there are none.
  ///   - references: features need not be normalised.
  ///   - progress: called after each step; what it throws ends the learning, and nothing is left behind.
  /// - Throws: `PromptLearningError`, and whatever `progress` throws.
  public func learn(
    product: String, defects: [DefectPhrase], references: References,
    progress: (Progress) throws -> Void = { _ in }
  ) throws -> Result {
    try check(references)
    let phrases = DefectPhrase.generic + defects
    var random = NormalVectors(seed: options.seed)
    let sets = try promptSets(product: product, defects: defects)
    let image = member(
      sets.image, margin: options.rules.imageMargin, features: references.images, perImage: 1, &random)
    let pixel = member(
      sets.pixel, margin: options.rules.pixelMargin, features: references.patches,
      perImage: references.patches.rows / references.images.rows, &random)
    var training = PromptTraining(tower: tower, options: options, members: [image, pixel])
    let clock = ContinuousClock()
    let start = clock.now
    while training.step < options.steps {
      training.advance()
      guard let image = training.members[0].losses.last, let pixel = training.members[1].losses.last else {
        continue
      }
      let left = options.steps - training.step
      try progress(
        Progress(
          step: training.step, steps: options.steps, image: image, pixel: pixel,
          remaining: (clock.now - start) / training.step * left))
    }
    let named = defects.isEmpty ? phrases.indices : DefectPhrase.generic.count..<phrases.count
    return result(of: training, phrases: phrases, named: named)
  }

  /// The prompts that `learn` would learn.
  public func promptSets(
    product: String, defects: [DefectPhrase]
  ) throws(PromptLearningError) -> (image: PromptSet, pixel: PromptSet) {
    let phrases = DefectPhrase.generic + defects
    return (
      try promptSet(product, phrases, contexts: options.imageContexts),
      try promptSet(product, phrases, contexts: options.pixelContexts)
    )
  }

  private func promptSet(
    _ product: String, _ phrases: [DefectPhrase], contexts: Int
  ) throws(PromptLearningError) -> PromptSet {
    try PromptSet(
      product: product, phrases: phrases, contexts: contexts, options: options, tower: tower.configuration,
      encode: encode)
  }

  private func check(_ references: References) throws(PromptLearningError) {
    let (images, patches) = (references.images, references.patches)
    guard images.rows > 0, patches.rows > 0, patches.rows % images.rows == 0,
      images.columns == tower.embeddingWidth, patches.columns == tower.embeddingWidth
    else {
      throw .references(
        "Learning needs one feature an image and the same number of patches for each, all of "
          + "\(tower.embeddingWidth) channels; there are \(images.rows) x \(images.columns) and "
          + "\(patches.rows) x \(patches.columns).")
    }
  }

  private func member(
    _ set: PromptSet, margin: PromptADRules.Margin, features: Matrix, perImage: Int,
    _ random: inout NormalVectors
  ) -> PromptTraining.Member {
    let objective = PromptObjective(
      features: features.l2Normalised(), featuresPerImage: perImage, set: set, margin: margin,
      scale: options.temperature.scale(logitScale: tower.logitScale),
      alignmentWeight: options.alignmentWeight, path: tower.path, pool: tower.pool)
    let vectors = random.matrix(
      rows: set.vectors, columns: tower.configuration.width, deviation: options.initialDeviation)
    return PromptTraining.Member(
      set: set, objective: objective, vectors: vectors,
      descent: MomentumDescent(momentum: options.momentum, decay: options.weightDecay))
  }

  private func result(of training: PromptTraining, phrases: [DefectPhrase], named: Range<Int>) -> Result {
    let (image, pixel) = (training.members[0], training.members[1])
    let features = training.features()
    // Regions are made of patches, so what names them is the set that judges pixels: a phrase's mean over contexts.
    let units = PrototypeVectors(features[1], pixel.set).units
    var defects = Matrix(rows: named.count, columns: tower.embeddingWidth)
    for (row, phrase) in named.enumerated() {
      for context in 0..<pixel.set.contexts {
        let unit = units[pixel.set.manual.lowerBound + phrase * pixel.set.contexts + context]
        for (channel, value) in unit.enumerated() { defects[row, channel] += Float(value) }
      }
    }
    let prototypes = TextPrototypes(
      image: PrototypeVectors(features[0], image.set).matrix,
      pixel: PrototypeVectors(features[1], pixel.set).matrix, defects: named.map { phrases[$0].name },
      defectFeatures: defects.l2Normalised(),
      scale: options.temperature.scale(logitScale: tower.logitScale), logitScale: tower.logitScale)
    return Result(
      prototypes: prototypes, imageVectors: image.vectors, pixelVectors: pixel.vectors,
      imageLosses: image.losses, pixelLosses: pixel.losses)
  }
}
