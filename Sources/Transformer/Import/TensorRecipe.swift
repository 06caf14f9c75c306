/// How one tensor of a model file is made from tensors of a checkpoint.
struct TensorRecipe {
  /// A tensor of the checkpoint, without the checkpoint's prefix.
  struct Source {
    let name: String
    let shape: [Int]
  }

  /// Laid one after the other: concatenated along the first dimension.
  let sources: [Source]
  /// Whether the one source, a matrix, is stored [input, output].
  var isTransposed = false
  /// One factor for each row of the result: LayerScale.
  var rowScale: Source?

  var allSources: [Source] { sources + (rowScale.map { [$0] } ?? []) }

  func values(_ reader: TensorReader) throws(ModelFileError) -> [Float] {
    var values: [Float] = []
    for source in sources { values += try reader.floats(source.name, source.shape) }
    if isTransposed {
      let (rows, columns) = (sources[0].shape[0], sources[0].shape[1])
      let stored = values
      for row in 0..<rows {
        for column in 0..<columns { values[column * rows + row] = stored[row * columns + column] }
      }
    }
    if let rowScale {
      let scales = try reader.floats(rowScale.name, rowScale.shape)
      let columns = values.count / scales.count
      for index in values.indices { values[index] *= scales[index / columns] }
    }
    return values
  }
}

extension Checkpoint {
  /// A recipe for each float tensor of the image tower, by its name in the model file.
  var recipes: [String: TensorRecipe] {
    let names = layout.names
    let ones = [Int](repeating: 1, count: names.leadingOnes)
    var recipes: [String: TensorRecipe] = [:]
    func add(_ target: String, _ name: String, _ shape: [Int]) {
      recipes["image.\(target)"] = TensorRecipe(sources: [.init(name: name, shape: shape)])
    }
    func addNorm(_ target: String, _ name: String) {
      for part in ["weight", "bias"] { add("\(target).\(part)", "\(name).\(part)", [width]) }
    }
    func addLinear(
      _ target: String, _ name: String, _ outputs: Int, _ inputs: Int, scaledBy scale: String? = nil
    ) {
      for (part, shape) in [("weight", [outputs, inputs]), ("bias", [outputs])] {
        recipes["image.\(target).\(part)"] = TensorRecipe(
          sources: [.init(name: "\(name).\(part)", shape: shape)],
          rowScale: scale.map { .init(name: $0, shape: [outputs]) })
      }
    }

    add("patch.weight", names.patch, [width, 3, patchSize, patchSize])
    // CLIP's patch embedding has no bias; one of zeros lets every tower have one.
    if let patchBias = names.patchBias {
      add("patch.bias", patchBias, [width])
    } else {
      recipes["image.patch.bias"] = TensorRecipe(sources: [])
    }
    add("class", names.classToken, ones + (ones.isEmpty ? [] : [1]) + [width])
    add("position", names.position, ones + [storedTokens, width])
    if let preNorm = names.preNorm { addNorm("pre_norm", preNorm) }
    for index in 0..<depth {
      let (block, source) = ("blocks.\(index)", "\(names.blocks)\(index)")
      addNorm("\(block).norm1", "\(source).\(names.norm1)")
      addNorm("\(block).norm2", "\(source).\(names.norm2)")
      for (part, parts, inputs) in [("weight", names.qkv.weights, [width]), ("bias", names.qkv.biases, [])] {
        recipes["image.\(block).attention.qkv.\(part)"] = TensorRecipe(
          sources: parts.map { .init(name: "\(source).\($0)", shape: [3 * width / parts.count] + inputs) })
      }
      addLinear(
        "\(block).attention.out", "\(source).\(names.attentionOut)", width, width,
        scaledBy: names.layerScales.map { "\(source).\($0.attention)" })
      addLinear("\(block).mlp.in", "\(source).\(names.mlpIn)", mlpWidth, width)
      addLinear(
        "\(block).mlp.out", "\(source).\(names.mlpOut)", width, mlpWidth,
        scaledBy: names.layerScales.map { "\(source).\($0.mlp)" })
    }
    addNorm("norm", names.norm)
    if let projection = names.projection, let embeddingWidth {
      recipes["image.projection"] =
        names.projectionIsTransposed
        ? TensorRecipe(
          sources: [.init(name: projection, shape: [width, embeddingWidth])], isTransposed: true)
        : TensorRecipe(sources: [.init(name: projection, shape: [embeddingWidth, width])])
    }
    return recipes
  }
}
