public import Compute
import Imaging

/// What is said about one picture, and why.
public struct Judgement: Sendable {
  /// `error` never comes from here: an inspector that fails throws.
  public var verdict: Verdict
  /// Why the picture is undecidable; nil with every other verdict.
  public var undecidableReason: UndecidableReason?
  /// The same in a sentence for people.
  public var undecidableExplanation: String?
  /// The score of the picture, higher is more anomalous; nil where it is undecidable.
  public var score: Float?
  /// Above this score the verdict is NG.
  public var threshold: Float
  /// `1 - cosine` of each patch to the nearest bank vector, `gridRows x gridColumns`; nil where undecidable.
  public var patchScores: Matrix?
  /// The patch scores interpolated to input size and smoothed, `inputHeight x inputWidth`; nil where undecidable.
  public var map: Matrix?
  /// Above this value a pixel of the map belongs to a region.
  public var pixelThreshold: Float
  /// Highest peak first, at most `regionLimit` of them, in sensor pixels.
  public var regions: [Region]
  /// Regions there are; more than `regions` holds where they were too many.
  public var regionCount: Int
  /// The map's pixels that lie in a region; nil where undecidable.
  public var mask: RunLengthMask?
  /// From map to sensor positions.
  public var toSensor: AffineMap
  public var durations: StageDurations

  /// Regions that are listed at most, so that a message stays bounded.
  public static let regionLimit = 50
}

/// How long each stage of a judgement took.
public struct StageDurations: Sendable, Equatable {
  /// Cutting to the region of interest and resizing.
  public var resize: Duration = .zero
  /// The vision transformer.
  public var encode: Duration = .zero
  /// Nearest vectors of the bank.
  public var search: Duration = .zero
  /// Map, threshold and regions.
  public var post: Duration = .zero

  public init() {}

  public var total: Duration { resize + encode + search + post }
}
