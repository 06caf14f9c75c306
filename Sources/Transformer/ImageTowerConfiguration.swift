/// Everything about an image tower that is not a weight.
///
/// It is read from the model file's metadata; `docs/model-format.md` gives each field's name there.
public struct ImageTowerConfiguration: Sendable, Equatable, Codable {
  /// The function between the two linear layers of a block's MLP.
  public enum Activation: String, Sendable, Codable, CaseIterable {
    /// 0.5 x (1 + erf(x / sqrt 2))
    case gelu
    /// x sigmoid(1.702 x): every OpenAI CLIP checkpoint
    case quickGELU = "quick_gelu"
  }

  /// How the learned position grid is brought to another input size (`clip-vit` papers and releases differ).
  public enum PositionInterpolation: String, Sendable, Codable, CaseIterable {
    /// Bicubic, kernel a = -0.75, source index clamped at the border: torch's default; DINOv2, PromptAD.
    case bicubic
    /// Bicubic, kernel a = -0.5, taps outside dropped and weights renormalised: open_clip, Bayes-PFL.
    case bicubicAntialiased = "bicubic_antialiased"
    /// Bilinear: CLIP Surgery, AnomalyCLIP.
    case bilinear
  }

  /// Side of a square patch in pixels.
  public var patchSize: Int
  /// Channels of a token.
  public var width: Int
  /// Number of blocks.
  public var depth: Int
  /// Attention heads; each has `width / heads` channels.
  public var heads: Int
  /// Channels between the two linear layers of the MLP.
  public var mlpWidth: Int
  public var activation: Activation
  public var layerNormEpsilon: Float
  /// Whether a LayerNorm stands between the position embedding and the first block (CLIP's `ln_pre`).
  public var hasPreNorm: Bool
  /// The position grid as stored, without the class token.
  public var gridRows: Int
  public var gridColumns: Int
  public var positionInterpolation: PositionInterpolation
  /// Channels of the joint embedding the class token is projected to; nil where there is no projection (DINOv2).
  public var embeddingWidth: Int?
  /// Per channel (RGB), for pixel values scaled to 0...1: (value - mean) / standardDeviation.
  public var mean: [Float]
  public var standardDeviation: [Float]

  public init(
    patchSize: Int, width: Int, depth: Int, heads: Int, mlpWidth: Int, activation: Activation,
    layerNormEpsilon: Float, hasPreNorm: Bool, gridRows: Int, gridColumns: Int,
    positionInterpolation: PositionInterpolation, embeddingWidth: Int?, mean: [Float],
    standardDeviation: [Float]
  ) {
    self.patchSize = patchSize
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpWidth = mlpWidth
    self.activation = activation
    self.layerNormEpsilon = layerNormEpsilon
    self.hasPreNorm = hasPreNorm
    self.gridRows = gridRows
    self.gridColumns = gridColumns
    self.positionInterpolation = positionInterpolation
    self.embeddingWidth = embeddingWidth
    self.mean = mean
    self.standardDeviation = standardDeviation
  }
}
