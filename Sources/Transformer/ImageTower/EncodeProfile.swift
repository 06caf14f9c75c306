/// A part of the int8 tower's work, as a profile tells them apart.
public enum EncodeStage: String, Sendable, Codable, CaseIterable {
  /// Pixels to tokens, positions added.
  case embedding
  case layerNorm = "layer_norm"
  /// Activations to int8.
  case quantisation
  /// The linear layer that makes queries, keys and values.
  case queriesKeysValues = "queries_keys_values"
  /// Queries, keys and values to int8, laid out for attention.
  case packing
  /// softmax(queries . keys) . values
  case attention
  case attentionOut = "attention_out"
  case mlpIn = "mlp_in"
  case mlpOut = "mlp_out"
  /// Tokens to the joint embedding with text, in float32.
  case projection

  /// Its place in a table of all stages.
  var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Where the time of an encode goes.
public struct EncodeProfile: Sendable {
  /// One stage of one block.
  public struct Entry: Sendable, Equatable {
    /// Counted from 1; 0 is what comes before the first block.
    public let block: Int
    public let stage: EncodeStage
    /// Of one picture, the threads' times added.
    public let milliseconds: Double
    /// Multiply-accumulates of one picture; 0 where a stage multiplies no matrices.
    public let multiplications: Double
  }

  /// The stages that took time, block after block.
  public let entries: [Entry]
  /// Pictures that were measured; an entry holds their mean.
  public let frames: Int

  public func milliseconds(of stage: EncodeStage) -> Double {
    entries.lazy.filter { $0.stage == stage }.reduce(0) { $0 + $1.milliseconds }
  }

  public func multiplications(of stage: EncodeStage) -> Double {
    entries.lazy.filter { $0.stage == stage }.reduce(0) { $0 + $1.multiplications }
  }
}
