import Compute
import Imaging
import Transformer

/// Features to scores: the distance of each patch to the bank, the map they make and the score of the picture.
struct Scorer: Sendable {
  let extractor: FeatureExtractor
  let search: any VectorSearch

  struct Scores: Sendable {
    /// `1 - cosine` to the nearest bank vector, `gridRows x gridColumns`.
    var patches: Matrix
    /// The same at input size, interpolated and smoothed: `inputHeight x inputWidth`.
    var map: Matrix
    var image: Float
  }

  init(extractor: FeatureExtractor, search: any VectorSearch) {
    self.extractor = extractor
    self.search = search
  }

  /// - Parameter reference: one whose vectors are left out.
  init(
    encoder: any ImageEncoder, bank: MemoryBank, search: VectorSearchMethod, without reference: Int? = nil
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
    self.init(extractor: extractor, search: search.prepare(vectors))
  }

  func scores(of features: Matrix) -> Scores {
    scores(search.search(features))
  }

  func scores(_ nearest: [Neighbour]) -> Scores {
    let options = extractor.options
    let patches = Matrix(
      rows: extractor.gridRows, columns: extractor.gridColumns,
      values: nearest.map { max(0, 1 - $0.similarity) })
    let side = (Double(options.inputWidth) * Double(options.inputHeight)).squareRoot()
    let map = patches.upsampled(rows: options.inputHeight, columns: options.inputWidth)
      .smoothed(sigma: options.smoothing * side)
    return Scores(patches: patches, map: map, image: options.imageScore.score(of: patches.values))
  }
}
