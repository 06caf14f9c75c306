/// One tensor that a model file of a given configuration and precision must hold.
struct ModelTensor: Equatable {
  let name: String
  let type: TensorType
  let shape: [Int]
}

extension ImageTowerConfiguration {
  /// Number of tokens of a picture whose grid is the stored one: the class token and the patches.
  var storedTokens: Int { 1 + gridRows * gridColumns }

  /// Every tensor of the image tower as float32: w width, p patch size, m MLP width, e embedding width, i block.
  var floatTensors: [ModelTensor] {
    var tensors: [ModelTensor] = []
    func add(_ name: String, _ shape: [Int]) {
      tensors.append(ModelTensor(name: "image.\(name)", type: .float32, shape: shape))
    }
    func addPair(_ name: String, _ shape: [Int]) {
      add("\(name).weight", shape)
      add("\(name).bias", [shape[0]])
    }
    addPair("patch", [width, 3 * patchSize * patchSize])
    add("class", [width])
    add("position", [storedTokens, width])
    if hasPreNorm { addPair("pre_norm", [width]) }
    for block in 0..<depth {
      addPair("blocks.\(block).norm1", [width])
      addPair("blocks.\(block).attention.qkv", [3 * width, width])
      addPair("blocks.\(block).attention.out", [width, width])
      addPair("blocks.\(block).norm2", [width])
      addPair("blocks.\(block).mlp.in", [mlpWidth, width])
      addPair("blocks.\(block).mlp.out", [width, mlpWidth])
    }
    addPair("norm", [width])
    if let embeddingWidth { add("projection", [embeddingWidth, width]) }
    return tensors
  }

  /// Every tensor of a model file: as `floatTensors`, but in int8 the blocks' linear weights packed with a scale.
  func tensors(_ precision: ModelFile.Precision) -> [ModelTensor] {
    floatTensors.flatMap { tensor -> [ModelTensor] in
      guard precision == .int8, Self.isQuantised(tensor.name) else { return [tensor] }
      let packed = PackedWeights.shape(rows: tensor.shape[0], columns: tensor.shape[1])
      return [
        ModelTensor(name: tensor.name, type: .int8, shape: packed),
        ModelTensor(name: Self.scaleName(of: tensor.name), type: .float32, shape: [tensor.shape[0]]),
      ]
    }
  }

  /// Whether an int8 file quantises the tensor: the four linear weights of each block.
  static func isQuantised(_ name: String) -> Bool {
    ["attention.qkv.weight", "attention.out.weight", "mlp.in.weight", "mlp.out.weight"].contains {
      name.hasPrefix("image.blocks.") && name.hasSuffix($0)
    }
  }

  /// Name of the scales that belong to a quantised weight.
  static func scaleName(of weight: String) -> String { "\(weight.dropLast("weight".count))scale" }

  /// What is wrong with the values, or nil; sizes are bounded so that no product of them overflows.
  var fault: String? {
    let sizes = [
      ("patch_size", patchSize, 1024), ("width", width, 65_536), ("depth", depth, 1024),
      ("heads", heads, 65_536),
      ("mlp_width", mlpWidth, 1 << 20), ("grid_rows", gridRows, 4096), ("grid_columns", gridColumns, 4096),
      ("embedding_width", embeddingWidth ?? 1, 65_536),
    ]
    for (name, value, limit) in sizes where !(1...limit ~= value) {
      return "\(name) is \(value), not 1 to \(limit)"
    }
    guard width % heads == 0 else { return "width \(width) does not divide into \(heads) heads" }
    guard 0 < layerNormEpsilon, layerNormEpsilon < 1 else {
      return "layer_norm_epsilon is \(layerNormEpsilon), not between 0 and 1"
    }
    guard mean.count == 3, mean.allSatisfy(\.isFinite) else { return "mean must be three finite numbers" }
    guard standardDeviation.count == 3, standardDeviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      return "standard_deviation must be three positive numbers"
    }
    return nil
  }
}
