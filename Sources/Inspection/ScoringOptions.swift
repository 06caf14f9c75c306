public import Transformer

/// How pictures become features and features become scores: the part of a recipe that decides what is compared.
///
/// The defaults are what did best over the selection products with the default model: a 336 x 336 input, block 8
/// with the final LayerNorm, references in 8 rotations, the mean of the top 1 % of patch scores, a map smoothed
/// with a sigma of 1.5 % of its side.
public struct ScoringOptions: Sendable, Equatable {
  /// The size every picture is brought to before it is encoded (bicubic, the aspect ratio is not kept), in pixels.
  /// Both are multiples of the model's patch size.
  public var inputWidth: Int
  public var inputHeight: Int
  /// Where features are read. Several taps are L2-normalised one by one and then laid side by side, so that every
  /// tap weighs the same: the cosine of two patches is the mean of their cosines at each tap.
  public var taps: [TokenTap]
  /// In how many orientations a reference is enrolled. A part under inspection is never rotated.
  public var views: ReferenceViews
  /// How patch scores become the score of the picture.
  public var imageScore: ImageScoreRule
  /// Standard deviation of the Gaussian over the score map, as a fraction of the map's side (of the geometric mean
  /// of both sides where they differ); 0 leaves the map as interpolated.
  public var smoothing: Double

  public static let inputSides = 28...2048
  public static let smoothingRange = 0.0...0.2
  public static let maximumTaps = 8

  public init(
    inputWidth: Int = 336, inputHeight: Int = 336, taps: [TokenTap] = [TokenTap(block: 8)],
    views: ReferenceViews = .eight, imageScore: ImageScoreRule = .topFraction(0.01), smoothing: Double = 0.015
  ) {
    self.inputWidth = inputWidth
    self.inputHeight = inputHeight
    self.taps = taps
    self.views = views
    self.imageScore = imageScore
    self.smoothing = smoothing
  }

  /// Checks the options against what scoring allows and against a model.
  ///
  /// - Throws: `InspectionError.options` with one sentence that names the value and the allowed ones.
  public func validate(for model: ImageTowerConfiguration) throws(InspectionError) {
    for (name, side) in [("input width", inputWidth), ("input height", inputHeight)] {
      guard Self.inputSides.contains(side), side.isMultiple(of: model.patchSize) else {
        throw .options(
          "The \(name) of \(side) pixels is not allowed: choose a multiple of the model's patch size "
            + "\(model.patchSize) between \(Self.inputSides.lowerBound) and \(Self.inputSides.upperBound).")
      }
    }
    guard !taps.isEmpty, taps.count <= Self.maximumTaps, Set(taps).count == taps.count else {
      throw .options("Name 1 to \(Self.maximumTaps) different taps; these are \(taps.count).")
    }
    for tap in taps {
      if let fault = model.fault(of: tap) { throw .options(fault.description) }
      guard !tap.classTokenOnly else {
        throw .options("The tap \(tap) has no patches to score: leave class_token_only out.")
      }
    }
    if case .topFraction(let fraction) = imageScore, !(fraction > 0 && fraction <= 1) {
      throw .options("The top fraction \(fraction) is not allowed: choose more than 0 and at most 1.")
    }
    guard Self.smoothingRange.contains(smoothing) else {
      throw .options(
        "The smoothing of \(smoothing) is not allowed: choose a fraction of the image side between "
          + "\(Self.smoothingRange.lowerBound) and \(Self.smoothingRange.upperBound).")
    }
  }
}

/// In how many orientations a reference is enrolled: rotated about its centre on the same canvas, after resizing,
/// with reflected borders.
public enum ReferenceViews: Int, Sendable, Codable, CaseIterable {
  /// As it is. For parts that always lie the same way and where a wrong orientation is a defect.
  case one = 1
  /// By quarter turns: half the bank of `eight`, and no interpolation on a square input.
  case four = 4
  /// By eighths of a turn.
  case eight = 8

  /// The angles in degrees, counter-clockwise; the first is 0.
  public var degrees: [Double] {
    (0..<rawValue).map { Double($0) * 360 / Double(rawValue) }
  }
}

/// How patch scores become the score of the picture.
public enum ImageScoreRule: Sendable, Equatable {
  /// The mean of the highest scores: `max(1, round(fraction x patches))` of them, 0 < fraction <= 1.
  case topFraction(Double)
  /// The highest score; for defects of one or two patches.
  case maximum

  func score(of patchScores: [Float]) -> Float {
    switch self {
    case .maximum:
      return patchScores.max() ?? 0
    case .topFraction(let fraction):
      let count = max(1, Int((fraction * Double(patchScores.count)).rounded()))
      let top = patchScores.sorted(by: >).prefix(count)
      return Float(top.reduce(0.0) { $0 + Double($1) } / Double(max(1, top.count)))
    }
  }
}
