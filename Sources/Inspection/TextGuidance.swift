public import Compute
public import Transformer

/// What a recipe's words add to its memory bank, or judge by where there is none.
///
/// Pictures are then also read at two taps of a CLIP model: the class token's embedding judges the whole picture, the
/// patches' local embeddings judge pixels and give regions their names.
public struct TextGuidance: Sendable, Equatable {
  /// Where the prototypes come from.
  public enum Origin: String, Sendable, Codable, CaseIterable {
    /// The mean of prompts as they are written.
    case ensemble
    /// Prompts learned from the references: PromptAD.
    case learned
  }

  public var prototypes: TextPrototypes
  public var origin: Origin
  /// How what the texts say and what the references say become one score.
  public var fusion: ScoreFusion

  public init(prototypes: TextPrototypes, origin: Origin, fusion: ScoreFusion = .harmonicMean) {
    self.prototypes = prototypes
    self.origin = origin
    self.fusion = fusion
  }

  /// The tap whose class token is the embedding of the whole picture.
  public static func imageTap(of model: ImageTowerConfiguration) -> TokenTap {
    TokenTap(block: model.depth, normalised: true, projected: true, classTokenOnly: true)
  }

  /// The tap whose tokens are the patches' local embeddings.
  public static func patchTap(of model: ImageTowerConfiguration) -> TokenTap {
    TokenTap(block: model.depth, place: .values, normalised: true, projected: true)
  }

  /// Refuses prototypes of another joint embedding than the model's.
  func check(model: ImageTowerConfiguration) throws(InspectionError) {
    guard model.embeddingWidth == prototypes.width else {
      throw .options(
        "The recipe's prompts have \(prototypes.width) channels, and the model's joint embedding has "
          + "\(model.embeddingWidth.map(String.init) ?? "none"): learn them again with this model.")
    }
  }
}

extension TextGuidance {
  /// What an image tower says about references, for learning prompts: unit vectors.
  ///
  /// - Returns: one row a reference, and one row a patch, reference by reference.
  public static func features(
    of references: [Reference], encoder: any ImageEncoder, options: ScoringOptions,
    progress: (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
  ) throws -> (images: Matrix, patches: Matrix) {
    guard let width = encoder.configuration.embeddingWidth else {
      throw InspectionError.options("This model has no joint embedding of pictures and texts.")
    }
    let extractor = try FeatureExtractor(encoder: encoder, options: options)
    var (images, patches): ([Float], [Float]) = ([], [])
    for (index, reference) in references.enumerated() {
      let input = extractor.input(reference.picture)
      guard !input.isFlat else { throw InspectionError.flatReference(name: reference.name) }
      let features = try extractor.pictureFeatures(of: input, guided: true)
      images += features.image?.values ?? []
      patches += features.patches?.values ?? []
      try progress(index + 1, references.count)
    }
    return (
      Matrix(rows: images.count / width, columns: width, values: images),
      Matrix(rows: patches.count / width, columns: width, values: patches)
    )
  }
}
