/// How one tensor of a model file is made from tensors of a checkpoint.
struct TensorRecipe {
  /// A tensor of the checkpoint.
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

/// Recipes for the tensors of one tower, by their names in the model file.
private struct TowerRecipes {
  let layout: CheckpointLayout
  /// Of the names in the model file and in the checkpoint.
  let prefixes: (target: String, source: String)
  let width: Int
  private(set) var recipes: [String: TensorRecipe] = [:]

  init(_ layout: CheckpointLayout, target: String, source: String, width: Int) {
    self.layout = layout
    prefixes = (target, source)
    self.width = width
  }

  /// A tensor of several laid one after the other; without sources one of zeros.
  mutating func add(
    _ target: String, _ names: [String], _ shape: [Int], isTransposed: Bool = false,
    scaledBy scale: String? = nil
  ) {
    recipes[prefixes.target + target] = TensorRecipe(
      sources: names.map { .init(name: prefixes.source + $0, shape: shape) }, isTransposed: isTransposed,
      rowScale: scale.map { .init(name: prefixes.source + $0, shape: [shape[0]]) })
  }

  mutating func addNorm(_ target: String, _ name: String) {
    for part in ["weight", "bias"] { add("\(target).\(part)", ["\(name).\(part)"], [width]) }
  }

  mutating func addLinear(
    _ target: String, _ name: String, _ outputs: Int, _ inputs: Int, scaledBy scale: String? = nil
  ) {
    add("\(target).weight", ["\(name).weight"], [outputs, inputs], scaledBy: scale)
    add("\(target).bias", ["\(name).bias"], [outputs], scaledBy: scale)
  }

  mutating func addBlocks(_ blocks: String, depth: Int, mlpWidth: Int) {
    let names = layout.block
    for index in 0..<depth {
      let (block, source) = ("blocks.\(index)", "\(blocks)\(index)")
      addNorm("\(block).norm1", "\(source).\(names.norm1)")
      addNorm("\(block).norm2", "\(source).\(names.norm2)")
      for (part, parts, inputs) in [("weight", names.qkv.weights, [width]), ("bias", names.qkv.biases, [])] {
        add(
          "\(block).attention.qkv.\(part)", parts.map { "\(source).\($0)" },
          [3 * width / parts.count] + inputs)
      }
      addLinear(
        "\(block).attention.out", "\(source).\(names.attentionOut)", width, width,
        scaledBy: names.layerScales.map { "\(source).\($0.attention)" })
      addLinear("\(block).mlp.in", "\(source).\(names.mlpIn)", mlpWidth, width)
      addLinear(
        "\(block).mlp.out", "\(source).\(names.mlpOut)", width, mlpWidth,
        scaledBy: names.layerScales.map { "\(source).\($0.mlp)" })
    }
  }

  mutating func addProjection(_ name: String, embeddingWidth: Int) {
    let isTransposed = layout.projectionsAreTransposed
    add(
      "projection", [name], isTransposed ? [width, embeddingWidth] : [embeddingWidth, width],
      isTransposed: isTransposed)
  }
}

extension Checkpoint {
  /// A recipe for each float tensor of the image tower, by its name in the model file.
  var imageRecipes: [String: TensorRecipe] {
    let names = layout.image
    let ones = [Int](repeating: 1, count: names.leadingOnes)
    var tower = TowerRecipes(layout, target: "image.", source: prefixes.image, width: width)
    tower.add("patch.weight", [names.patch], [width, 3, patchSize, patchSize])
    // CLIP's patch embedding has no bias; one of zeros lets every tower have one.
    tower.add("patch.bias", names.patchBias.map { [$0] } ?? [], [width])
    tower.add("class", [names.classToken], ones + (ones.isEmpty ? [] : [1]) + [width])
    tower.add("position", [names.position], ones + [storedTokens, width])
    if let preNorm = names.preNorm { tower.addNorm("pre_norm", preNorm) }
    tower.addBlocks(names.blocks, depth: depth, mlpWidth: mlpWidth)
    tower.addNorm("norm", names.norm)
    if let projection = names.projection, let embeddingWidth {
      tower.addProjection(projection, embeddingWidth: embeddingWidth)
    }
    return tower.recipes
  }

  /// As `imageRecipes`, for the text tower and the scale; empty where the file has none.
  var textRecipes: [String: TensorRecipe] {
    guard let names = layout.text, let text, let embeddingWidth else { return [:] }
    var tower = TowerRecipes(layout, target: "text.", source: prefixes.text, width: text.width)
    tower.add("embedding", [names.embedding], [text.vocabularySize, text.width])
    tower.add("position", [names.position], [text.contextLength, text.width])
    tower.addBlocks(names.blocks, depth: text.depth, mlpWidth: text.mlpWidth)
    tower.addNorm("norm", names.norm)
    tower.addProjection(names.projection, embeddingWidth: embeddingWidth)
    var recipes = tower.recipes
    let scale = prefixes.scale + CheckpointLayout.scale
    let isVector = file.tensor(named: scale)?.description.shape == [1]
    recipes[TextTowerConfiguration.scaleName] = TensorRecipe(
      sources: [.init(name: scale, shape: isVector ? [1] : [])])
    return recipes
  }
}
