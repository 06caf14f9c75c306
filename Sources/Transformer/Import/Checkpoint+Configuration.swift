extension Checkpoint {
  /// Completes what the shapes tell with the options and the family's rules; conclusions go into the notes.
  func configuration(
    _ options: ModelImporter.Options, notes: inout [String]
  ) throws(ModelFileError) -> ImageTowerConfiguration {
    let isCLIP = layout != .dinov2
    if options.heads == nil, width % 64 != 0 {
      throw ModelFileError(
        .option, file.url,
        "The width \(width) does not divide into heads of 64 channels: give the number of heads.")
    }
    let grid = try grid(options)
    let configuration = ImageTowerConfiguration(
      patchSize: patchSize, width: width, depth: depth, heads: options.heads ?? width / 64,
      mlpWidth: mlpWidth,
      activation: try activation(options, notes: &notes), layerNormEpsilon: isCLIP ? 1e-5 : 1e-6,
      hasPreNorm: layout.names.preNorm != nil, gridRows: grid.rows, gridColumns: grid.columns,
      positionInterpolation: options.positionInterpolation ?? (isCLIP ? .bicubicAntialiased : .bicubic),
      embeddingWidth: embeddingWidth,
      mean: options.mean ?? (isCLIP ? [0.48145466, 0.4578275, 0.40821073] : [0.485, 0.456, 0.406]),
      standardDeviation: options.standardDeviation
        ?? (isCLIP ? [0.26862954, 0.26130258, 0.27577711] : [0.229, 0.224, 0.225]))
    if let fault = configuration.fault {
      throw ModelFileError(
        .option, file.url, "No model can be made of this checkpoint and these options: \(fault).")
    }
    return configuration
  }

  private func grid(_ options: ModelImporter.Options) throws(ModelFileError) -> (rows: Int, columns: Int) {
    let patches = storedTokens - 1
    if let grid = options.grid {
      guard grid.rows > 0, grid.columns > 0, patches / grid.rows == grid.columns, patches % grid.rows == 0
      else {
        throw ModelFileError(
          .option, file.url,
          "A grid of \(grid.rows) rows and \(grid.columns) columns does not hold the checkpoint's \(patches) patch positions."
        )
      }
      return grid
    }
    let side = Int(Double(patches).squareRoot())
    guard side > 0, side * side == patches else {
      throw ModelFileError(
        .option, file.url,
        "The checkpoint's \(patches) patch positions are no square: give the rows and columns of the grid.")
    }
    return (side, side)
  }

  private func activation(
    _ options: ModelImporter.Options, notes: inout [String]
  ) throws(ModelFileError) -> ImageTowerConfiguration.Activation {
    if let activation = options.activation { return activation }
    if layout == .dinov2 { return .gelu }
    if isFromOpenAI {
      notes.append("The activation is quick_gelu: the checkpoint carries the marks of OpenAI's releases.")
      return .quickGELU
    }
    throw ModelFileError(
      .option, file.url,
      "The weights do not tell their activation, and the wrong one is a large error: give quick_gelu (OpenAI, LAION-400M "
        + "ViT-B/32, MetaCLIP, DFN) or gelu (other LAION models, TinyCLIP).")
  }
}
