import Compute
import Imaging
import Transformer

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
    return picture.resized(width: options.inputWidth, height: options.inputHeight, filter: .bicubic)
  }

  /// One L2-normalised row a patch: `(gridRows * gridColumns) x width`.
  ///
  /// Several taps are normalised one by one and laid side by side, each divided by the root of their number, which
  /// leaves the whole row normalised as well.
  func features(of input: Picture) throws(InspectionError) -> Matrix {
    let tokens: PatchTokens
    do {
      tokens = try encoder.encode(input, taps: options.taps)
    } catch {
      throw .encoder(error.description)
    }
    guard tokens.gridRows == gridRows, tokens.gridColumns == gridColumns,
      tokens.features.count == options.taps.count,
      zip(tokens.features, options.taps).allSatisfy({ features, tap in
        features.rows == gridRows * gridColumns && features.columns == encoder.configuration.width(at: tap)
      })
    else {
      throw .encoder(
        "The encoder delivered \(tokens.gridRows) x \(tokens.gridColumns) patches at \(tokens.features.count) "
          + "taps instead of \(gridRows) x \(gridColumns) at \(options.taps.count).")
    }
    let taps = tokens.features.map { $0.l2Normalised() }
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
