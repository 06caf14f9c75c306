import Compute
public import Imaging
public import Transformer

/// Judges pictures of one recipe: a model, a memory bank, what its words add, and a calibration, none of which changes.
///
/// It may be called from several threads at once.
public struct Inspector: Sendable {
  public let calibration: Calibration
  public let regionOptions: RegionOptions
  /// How pictures must look to be judged; nil where nobody recorded it.
  public let references: ReferenceStatistics?
  /// In what respects.
  private let checks: Set<UndecidableReason>
  private let scorer: Scorer

  /// - Parameters:
  ///   - references: how pictures must look to be judged; nil where nobody recorded it.
  ///   - checks: for what they are compared with those.
  /// - Throws: `InspectionError` where model, bank and calibration do not belong together.
  public init(
    encoder: any ImageEncoder, bank: MemoryBank, calibration: Calibration, search: VectorSearchMethod,
    guidance: TextGuidance? = nil, regions: RegionOptions = RegionOptions(),
    references: ReferenceStatistics? = nil, checks: Set<UndecidableReason> = UndecidableReason.byReferences
  ) throws(InspectionError) {
    try calibration.check(bank: bank)
    scorer = try Scorer(encoder: encoder, bank: bank, search: search, guidance: guidance)
    self.calibration = calibration
    regionOptions = regions
    self.references = references
    self.checks = checks
  }

  /// Judges by words alone: no reference was ever seen.
  ///
  /// - Parameter limit: above this score, 0 to 1, the verdict is NG, and a pixel belongs to a region.
  /// - Throws: `InspectionError` where the words are not this model's.
  public init(
    encoder: any ImageEncoder, guidance: TextGuidance, options: ScoringOptions, limit: Float,
    regions: RegionOptions = RegionOptions()
  ) throws(InspectionError) {
    scorer = try Scorer(
      extractor: try FeatureExtractor(encoder: encoder, options: options), vectors: [], search: .reference,
      guidance: guidance)
    calibration = Calibration(written: limit)
    regionOptions = regions
    references = nil
    checks = []
  }

  /// Judges a picture.
  ///
  /// The verdict is NG where the score of the picture exceeds the calibrated limit, and nothing else decides it.
  /// Regions are where the map exceeds the pixel limit. Where a part is NG without one such pixel (a wide, weak
  /// deviation), the regions are cut at the picture's limit instead, if that is lower; `pixelThreshold` tells.
  ///
  /// - Parameters:
  ///   - picture: as decoded, at sensor resolution.
  ///   - region: the region of interest, in the picture's pixels; the whole picture where it is nil.
  /// - Throws: `InspectionError`; the verdict of the frame is then `error`.
  public func judge(_ picture: Picture, region: PixelRect? = nil) throws(InspectionError) -> Judgement {
    let clock = ContinuousClock()
    let options = scorer.extractor.options
    let area = region ?? PixelRect(x: 0, y: 0, width: picture.width, height: picture.height)
    var judgement = Judgement(
      verdict: .undecidable, undecidableReason: nil, undecidableExplanation: nil, score: nil,
      threshold: calibration.imageLimit.value,
      patchScores: nil, map: nil, pixelThreshold: calibration.pixelLimit.value, regions: [], regionCount: 0,
      mask: nil, toSensor: AffineMap(mapWidth: options.inputWidth, mapHeight: options.inputHeight, of: area),
      durations: StageDurations())

    let start = clock.now
    let input: Picture
    if let region {
      do {
        input = scorer.extractor.input(try picture.cropped(to: region))
      } catch {
        throw .regionOutside(error.description)
      }
    } else {
      input = scorer.extractor.input(picture)
    }
    let resized = clock.now
    judgement.durations.resize = resized - start
    if input.isFlat {
      judgement.undecidableReason = .flat
      judgement.undecidableExplanation =
        "The picture is one flat colour: a covered lens, no light or no signal."
      return judgement
    }
    if let (reason, explanation) = references?.obstacle(in: input, checks: checks) {
      judgement.undecidableReason = reason
      judgement.undecidableExplanation = explanation
      return judgement
    }
    let features = try scorer.features(of: input)
    let encoded = clock.now
    judgement.durations.encode = encoded - resized
    let nearest = scorer.nearest(to: features)
    let searched = clock.now
    judgement.durations.search = searched - encoded

    let scores = scorer.scores(of: features, nearest)
    judgement.score = scores.image
    judgement.patchScores = scores.patches
    judgement.map = scores.map
    judgement.verdict = scores.image > judgement.threshold ? .ng : .ok
    var found = regions(of: scores.map, above: judgement.pixelThreshold, judgement.toSensor, features)
    if found.regions.isEmpty && judgement.verdict == .ng && judgement.threshold < judgement.pixelThreshold {
      judgement.pixelThreshold = judgement.threshold
      found = regions(of: scores.map, above: judgement.pixelThreshold, judgement.toSensor, features)
    }
    judgement.regions = Array(found.regions.prefix(Judgement.regionLimit))
    judgement.regionCount = found.regions.count
    judgement.mask = RunLengthMask(found.mask)
    judgement.durations.post = clock.now - searched
    return judgement
  }

  private func regions(
    of map: Matrix, above threshold: Float, _ toSensor: AffineMap, _ features: PictureFeatures
  ) -> RegionSet {
    guard let prototypes = scorer.guidance?.prototypes, !prototypes.defects.isEmpty,
      let patches = features.patches
    else { return RegionSet(map: map, threshold: threshold, options: regionOptions, toSensor: toSensor) }
    return RegionSet(
      map: map, threshold: threshold, options: regionOptions, toSensor: toSensor,
      grid: (scorer.extractor.gridRows, scorer.extractor.gridColumns)
    ) { weights in
      prototypes.likeliestDefect(of: patches, weights: weights)
        .map { LikelyDefect(name: $0.name, probability: $0.probability) }
    }
  }
}
