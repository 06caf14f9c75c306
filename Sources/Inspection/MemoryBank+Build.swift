import Compute
import Imaging
public import Transformer

extension MemoryBank {
  /// Encodes references in all their views and collects their patch features.
  ///
  /// - Parameters:
  ///   - references: good parts, cut to the region of interest.
  ///   - limit: vectors the bank holds at most; a larger one is reduced to so many by greedy k-centre selection,
  ///     which `coreset` then tells.
  ///   - progress: called before the first and after each step; what it throws ends the work.
  public static func build(
    references: [Reference], encoder: any ImageEncoder, options: ScoringOptions = ScoringOptions(),
    limit: Int = defaultLimit, progress: (EnrolmentProgress) throws -> Void = { _ in }
  ) throws -> MemoryBank {
    let extractor = try FeatureExtractor(encoder: encoder, options: options)
    guard limits.contains(limit) else {
      throw InspectionError.options(
        "A limit of \(limit) vectors is not allowed: choose \(limits.lowerBound) to \(limits.upperBound).")
    }
    guard !references.isEmpty else { throw InspectionError.noReferences }
    let patches = extractor.gridRows * extractor.gridColumns
    let views = references.count * options.views.rawValue
    guard views * patches <= collectionLimit else {
      throw InspectionError.options(
        "\(references.count) references in \(options.views.rawValue) views make \(views * patches) vectors, more "
          + "than the \(collectionLimit) that can be collected: enrol fewer references or in fewer views.")
    }

    var collected: [Float] = []
    collected.reserveCapacity(views * patches * extractor.width)
    var origins: [Int32] = []
    var done = 0
    try progress(.encoding(done: 0, of: views))
    for (index, reference) in references.enumerated() {
      let input = extractor.input(reference.picture)
      guard !input.isFlat else { throw InspectionError.flatReference(name: reference.name) }
      for degrees in options.views.degrees {
        let view = degrees == 0 ? input : input.rotated(degrees: degrees)
        collected += try extractor.features(of: view).values
        origins += [Int32](repeating: Int32(index), count: patches)
        done += 1
        try progress(.encoding(done: done, of: views))
      }
    }

    var vectors = Matrix(rows: views * patches, columns: extractor.width, values: collected)
    collected = []
    var coreset: Coreset?
    if vectors.rows > limit {
      let selection = try GreedyCoreset.select(limit, of: vectors) {
        try progress(.reducing(done: $0, of: limit))
      }
      let kept = selection.chosen.sorted()
      coreset = Coreset(vectorsBefore: vectors.rows, vectorsKept: limit, radius: selection.radius)
      vectors = vectors.rows(kept)
      origins = kept.map { origins[$0] }
    }
    return MemoryBank(
      modelHash: encoder.modelHash, options: options, gridRows: extractor.gridRows,
      gridColumns: extractor.gridColumns, referenceCount: references.count, vectors: vectors,
      origins: origins,
      coreset: coreset)
  }

  /// The vectors of all references but one; those of all where the index is nil.
  func vectors(without reference: Int?) -> Matrix {
    guard let reference else { return vectors }
    return vectors.rows(origins.indices.filter { origins[$0] != Int32(reference) })
  }
}
