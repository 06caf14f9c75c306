import Compute
import Imaging
import Transformer

/// Features to scores: the distance of each patch to the bank, its nearness to the texts, the map they make and the score
/// of the picture.
struct Scorer: Sendable {
  let extractor: FeatureExtractor
  let guidance: TextGuidance?
  /// With guidance one a tap, otherwise one; none without a bank.
  private let searches: [any VectorSearch]

  struct Scores: Sendable {
    /// `1 - cosine` to the nearest bank vector, with guidance the fused score; `gridRows x gridColumns`.
    var patches: Matrix
    /// The same at input size, interpolated and smoothed: `inputHeight x inputWidth`.
    var map: Matrix
    var image: Float
  }

  /// - Parameter vectors: of a bank, laid out as `PictureFeatures.visual`; empty for guidance alone.
  init(
    extractor: FeatureExtractor, vectors: [Matrix], search: VectorSearchMethod, guidance: TextGuidance? = nil
  ) throws(InspectionError) {
    try guidance?.check(model: extractor.encoder.configuration)
    self.extractor = extractor
    self.guidance = guidance
    searches = vectors.map(search.prepare)
  }

  /// - Parameter reference: one whose vectors are left out.
  init(
    encoder: any ImageEncoder, bank: MemoryBank, search: VectorSearchMethod, guidance: TextGuidance? = nil,
    without reference: Int? = nil
  ) throws(InspectionError) {
    try bank.check(model: encoder)
    let extractor = try FeatureExtractor(encoder: encoder, options: bank.options)
    let vectors = bank.vectors(without: reference)
    guard vectors.columns == extractor.width, vectors.rows > 0, extractor.gridRows == bank.gridRows,
      extractor.gridColumns == bank.gridColumns
    else {
      throw .options(
        "The memory bank holds \(vectors.rows) vectors of \(vectors.columns) channels for a grid of "
          + "\(bank.gridRows) x \(bank.gridColumns), and its options make \(extractor.width) channels on "
          + "\(extractor.gridRows) x \(extractor.gridColumns): enrol the references again.")
    }
    try self.init(
      extractor: extractor, vectors: guidance == nil ? [vectors] : extractor.separated(vectors),
      search: search, guidance: guidance)
  }

  func features(of input: Picture) throws(InspectionError) -> PictureFeatures {
    try extractor.pictureFeatures(of: input, guided: guidance != nil)
  }

  func scores(of features: PictureFeatures) -> Scores {
    scores(of: features, nearest(to: features))
  }

  /// The nearest bank vectors of every patch, a list for each matrix of the features.
  func nearest(to features: PictureFeatures) -> [[Neighbour]] {
    zip(searches, features.visual).map { $0.search($1) }
  }

  func scores(of features: PictureFeatures, _ nearest: [[Neighbour]]) -> Scores {
    let options = extractor.options
    let pool = extractor.encoder.pool
    let side = (Double(options.inputWidth) * Double(options.inputHeight)).squareRoot()
    if let guidance, let image = features.image, let patches = features.patches {
      let map = GuidedScores.MapOptions(
        rows: options.inputHeight, columns: options.inputWidth, sigma: options.smoothing * side)
      let scores =
        nearest.isEmpty
        ? GuidedScores(
          imageFeature: image, patchFeatures: patches, prototypes: guidance.prototypes,
          gridRows: extractor.gridRows, gridColumns: extractor.gridColumns, map: map, pool: pool)
        : GuidedScores(
          visual: GuidedScores.visualScores(
            nearest, gridRows: extractor.gridRows, gridColumns: extractor.gridColumns),
          imageFeature: image, patchFeatures: patches, prototypes: guidance.prototypes,
          fusion: guidance.fusion, map: map, pool: pool)
      return Scores(patches: scores.patches, map: scores.map, image: scores.image)
    }
    let patches = Matrix(
      rows: extractor.gridRows, columns: extractor.gridColumns,
      values: (nearest.first ?? []).map { max(0, 1 - $0.similarity) })
    let map = patches.upsampled(rows: options.inputHeight, columns: options.inputWidth)
      .smoothed(sigma: options.smoothing * side, pool: pool)
    return Scores(patches: patches, map: map, image: options.imageScore.score(of: patches.values))
  }
}
