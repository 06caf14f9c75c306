/// Everything about CLIP's text tower that is not a weight.
///
/// The channels of its embedding are those of the image tower's (`ImageTowerConfiguration.embeddingWidth`). It is read from
/// the model file's metadata; `docs/model-format.md` gives each field's name there.
public struct TextTowerConfiguration: Sendable, Equatable, Codable {
  /// Channels of a token.
  public var width: Int
  /// Number of blocks.
  public var depth: Int
  /// Attention heads; each has `width / heads` channels.
  public var heads: Int
  /// Channels between the two linear layers of the MLP.
  public var mlpWidth: Int
  /// Longest text in tokens, start and end included.
  public var contextLength: Int
  /// Number of different tokens: 512 for bytes, one for each merge, start and end.
  public var vocabularySize: Int
  public var activation: ImageTowerConfiguration.Activation
  /// Of every LayerNorm.
  public var layerNormEpsilon: Float

  public init(
    width: Int, depth: Int, heads: Int, mlpWidth: Int, contextLength: Int, vocabularySize: Int,
    activation: ImageTowerConfiguration.Activation, layerNormEpsilon: Float
  ) {
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpWidth = mlpWidth
    self.contextLength = contextLength
    self.vocabularySize = vocabularySize
    self.activation = activation
    self.layerNormEpsilon = layerNormEpsilon
  }
}
