extension TextTowerConfiguration {
  /// Every float tensor of the text tower; all are float32 in an int8 file too.
  func floatTensors(embeddingWidth: Int) -> [ModelTensor] {
    var tensors: [ModelTensor] = []
    func add(_ name: String, _ shape: [Int]) {
      tensors.append(ModelTensor(name: name, type: .float32, shape: shape))
    }
    func addPair(_ name: String, _ shape: [Int]) {
      add("text.\(name).weight", shape)
      add("text.\(name).bias", [shape[0]])
    }
    add("text.embedding", [vocabularySize, width])
    add("text.position", [contextLength, width])
    for block in 0..<depth {
      addPair("blocks.\(block).norm1", [width])
      addPair("blocks.\(block).attention.qkv", [3 * width, width])
      addPair("blocks.\(block).attention.out", [width, width])
      addPair("blocks.\(block).norm2", [width])
      addPair("blocks.\(block).mlp.in", [mlpWidth, width])
      addPair("blocks.\(block).mlp.out", [width, mlpWidth])
    }
    addPair("norm", [width])
    add("text.projection", [embeddingWidth, width])
    add(Self.scaleName, [1])
    return tensors
  }

  /// The factor of similarities, as a natural logarithm.
  static let scaleName = "logit_scale"
  /// The vocabulary's merges as lines of UTF-8.
  static let mergesName = "text.merges"

  /// Merges of the vocabulary.
  var mergeCount: Int { vocabularySize - Tokenizer.byteTokens - Tokenizer.specialTokens }

  /// What is wrong with the values, or nil; sizes are bounded so that no product of them overflows.
  var fault: String? {
    let sizes = [
      ("width", width, 1...65_536), ("depth", depth, 1...1024), ("heads", heads, 1...65_536),
      ("mlp_width", mlpWidth, 1...(1 << 20)), ("context_length", contextLength, 2...65_536),
      ("vocabulary_size", vocabularySize, Tokenizer.byteTokens + Tokenizer.specialTokens...(1 << 24)),
    ]
    for (name, value, range) in sizes where !range.contains(value) {
      return "\(name) is \(value), not \(range.lowerBound) to \(range.upperBound)"
    }
    guard width % heads == 0 else { return "width \(width) does not divide into \(heads) heads" }
    guard 0 < layerNormEpsilon, layerNormEpsilon < 1 else {
      return "layer_norm_epsilon is \(layerNormEpsilon), not between 0 and 1"
    }
    return nil
  }
}
