import Compute
import Imaging
import Transformer

/// What the encoder says about one picture; all rows are unit vectors.
struct PictureFeatures: Sendable {
  /// What is compared with the bank, one row a patch: all taps side by side, or with guidance a matrix a tap.
  var visual: [Matrix]
  /// With guidance: the embedding of the whole picture, `1 x channels`.
  var image: Matrix?
  /// With guidance: the patches' local embeddings.
  var patches: Matrix?
}

/// Pictures to comparable patch features, as the scoring options say.
struct FeatureExtractor: Sendable {
  let encoder: any ImageEncoder
  let options: ScoringOptions

  init(encoder: any ImageEncoder, options: ScoringOptions) throws(InspectionError) {
    try options.validate(for: encoder.configuration)
    self.encoder = encoder
    self.options = options
  }

  var gridRows: Int { options.inputHeight / encoder.configuration.patchSize }
  var gridColumns: Int { options.inputWidth / encoder.configuration.patchSize }
  /// Channels of a feature.
  var width: Int { options.taps.reduce(0) { $0 + encoder.configuration.width(at: $1) } }

  /// The picture at input size.
  func input(_ picture: Picture) -> Picture {
    if picture.width == options.inputWidth && picture.height == options.inputHeight { return picture }
    return picture.resized(
      width: options.inputWidth, height: options.inputHeight, filter: .bicubic, pool: encoder.pool)
  }

  /// One L2-normalised row a patch: `(gridRows * gridColumns) x width`.
  ///
  /// Several taps are normalised one by one and laid side by side, each divided by the root of their number, which
  /// leaves the whole row normalised as well.
  func features(of input: Picture) throws(InspectionError) -> Matrix {
    joined(try tokens(of: input, taps: options.taps).features.map { $0.l2Normalised() })
  }

  /// - Parameter guided: whether texts are compared with as well.
  func pictureFeatures(of input: Picture, guided: Bool) throws(InspectionError) -> PictureFeatures {
    guard guided else { return PictureFeatures(visual: [try features(of: input)]) }
    let model = encoder.configuration
    let found = try tokens(
      of: input,
      taps: options.taps + [TextGuidance.imageTap(of: model), TextGuidance.patchTap(of: model)])
    let count = options.taps.count
    return PictureFeatures(
      visual: found.features[..<count].map { $0.l2Normalised() },
      image: found.classTokens[count].l2Normalised(), patches: found.features[count + 1].l2Normalised())
  }

  /// A bank's vectors as its taps have them: the inverse of laying them side by side.
  func separated(_ vectors: Matrix) -> [Matrix] {
    if options.taps.count == 1 { return [vectors] }
    var first = 0
    return options.taps.map { tap in
      let columns = first..<first + encoder.configuration.width(at: tap)
      first = columns.upperBound
      return vectors.columns(columns).l2Normalised()
    }
  }

  private func tokens(of input: Picture, taps: [TokenTap]) throws(InspectionError) -> PatchTokens {
    let tokens: PatchTokens
    do {
      tokens = try encoder.encode(input, taps: taps)
    } catch {
      throw .encoder(error.description)
    }
    guard tokens.gridRows == gridRows, tokens.gridColumns == gridColumns, tokens.features.count == taps.count,
      zip(tokens.features, taps).allSatisfy({ features, tap in
        features.rows == (tap.classTokenOnly ? 0 : gridRows * gridColumns)
          && features.columns == encoder.configuration.width(at: tap)
      })
    else {
      throw .encoder(
        "The encoder delivered \(tokens.gridRows) x \(tokens.gridColumns) patches at \(tokens.features.count) "
          + "taps instead of \(gridRows) x \(gridColumns) at \(taps.count).")
    }
    return tokens
  }

  private func joined(_ taps: [Matrix]) -> Matrix {
    if taps.count == 1 { return taps[0] }
    let scale = 1 / Float(taps.count).squareRoot()
    var joined: [Float] = []
    joined.reserveCapacity(gridRows * gridColumns * width)
    for patch in 0..<gridRows * gridColumns {
      for tap in taps { joined += tap.row(patch).lazy.map { $0 * scale } }
    }
    return Matrix(rows: gridRows * gridColumns, columns: width, values: joined)
  }
}

extension Picture {
  /// Whether no channel varies by more than two levels over the picture.
  var isFlat: Bool {
    for channel in 0..<3 {
      var low = UInt8.max
      var high = UInt8.min
      for index in stride(from: channel, to: pixels.count, by: 3) {
        low = min(low, pixels[index])
        high = max(high, pixels[index])
        if high - low > 2 { return false }
      }
    }
    return true
  }
}
