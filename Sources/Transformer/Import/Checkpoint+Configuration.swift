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
      hasPreNorm: layout.image.preNorm != nil, gridRows: grid.rows, gridColumns: grid.columns,
      positionInterpolation: options.positionInterpolation ?? (isCLIP ? .bicubicAntialiased : .bicubic),
      embeddingWidth: embeddingWidth,
      mean: options.mean ?? options.release?.mean
        ?? (isCLIP ? [0.48145466, 0.4578275, 0.40821073] : [0.485, 0.456, 0.406]),
      standardDeviation: options.standardDeviation ?? options.release?.standardDeviation
        ?? (isCLIP ? [0.26862954, 0.26130258, 0.27577711] : [0.229, 0.224, 0.225]))
    if let fault = configuration.fault {
      throw ModelFileError(
        .option, file.url, "No model can be made of this checkpoint and these options: \(fault).")
    }
    return configuration
  }

  /// The text tower, with the image tower's activation; nil where it is left out.
  ///
  /// - Throws: also where nobody said whether to take it.
  func textConfiguration(
    _ options: ModelImporter.Options, activation: ImageTowerConfiguration.Activation
  ) throws(ModelFileError) -> (configuration: TextTowerConfiguration, merges: [String])? {
    guard let text else {
      if case .include = options.text {
        throw ModelFileError(
          .option, file.url, "The checkpoint has no text tower that a vocabulary could belong to.")
      }
      return nil
    }
    switch options.text {
    case .leaveOut: return nil
    case .undecided:
      throw ModelFileError(
        .option, file.url,
        "The checkpoint has a text tower: give its vocabulary (Scripts/fetch-vocabulary fetches CLIP's), or say that the "
          + "text tower is to be left out.")
    case .include(let merges):
      guard options.textHeads != nil || text.width % 64 == 0 else {
        throw ModelFileError(
          .option, file.url,
          "The text tower's width \(text.width) does not divide into heads of 64 channels: give the number of its heads."
        )
      }
      let configuration = TextTowerConfiguration(
        width: text.width, depth: text.depth, heads: options.textHeads ?? text.width / 64,
        mlpWidth: text.mlpWidth,
        contextLength: text.contextLength, vocabularySize: text.vocabularySize, activation: activation,
        layerNormEpsilon: 1e-5)
      if let fault = configuration.fault {
        throw ModelFileError(
          .option, file.url, "No model can be made of this checkpoint's text tower: \(fault).")
      }
      guard merges.count >= configuration.mergeCount else {
        throw ModelFileError(
          .option, file.url,
          "The vocabulary has \(merges.count) merges, but the text tower's \(text.vocabularySize) tokens need "
            + "\(configuration.mergeCount).")
      }
      return (configuration, Array(merges.prefix(configuration.mergeCount)))
    }
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
    if let release = options.release {
      guard options.activation == nil || options.activation == release.activation else {
        throw ModelFileError(
          .option, file.url,
          "The activation of \(release.name) is \(release.activation.rawValue): give no other.")
      }
      notes.append("The activation is \(release.activation.rawValue), as \(release.name) was trained with.")
      return release.activation
    }
    if let activation = options.activation {
      guard !isFromOpenAI || activation == .quickGELU else {
        throw ModelFileError(
          .option, file.url,
          "The checkpoint carries the marks of OpenAI's releases, whose activation is quick_gelu.")
      }
      return activation
    }
    if layout == .dinov2 { return .gelu }
    if isFromOpenAI {
      notes.append("The activation is quick_gelu: the checkpoint carries the marks of OpenAI's releases.")
      return .quickGELU
    }
    throw ModelFileError(
      .option, file.url,
      "The weights do not tell their activation, and the wrong one is a large error: give the release they are of, or "
        + "quick_gelu (OpenAI, LAION-400M ViT-B/32, MetaCLIP, DFN2B) or gelu (other LAION models, TinyCLIP).")
  }
}
