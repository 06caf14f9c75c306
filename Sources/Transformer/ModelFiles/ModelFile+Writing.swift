import Compute
public import Foundation

extension ModelFile {
  /// Writes a model file, whole or not at all; the same weights give the same bytes.
  ///
  /// - Parameters:
  ///   - text: the text tower and the lines of its vocabulary's merges; nil: without.
  ///   - weight: gives the row-major float32 elements of each tensor; called once a tensor with the name and shape
  ///     of `docs/model-format.md`. For an int8 file the blocks' linear weights are
  ///     quantised here, after `NormMigration`.
  /// - Throws: `ModelFileError` for an impossible configuration, merges that are none, a value that is not finite or a file that cannot
  ///   be written, and whatever `weight` throws.
  public static func write(
    to url: URL, configuration: ImageTowerConfiguration,
    text: (configuration: TextTowerConfiguration, merges: [String])? = nil, precision: Precision,
    origin: ModelOrigin,
    weight: (_ name: String, _ shape: [Int]) throws(ModelFileError) -> [Float]
  ) throws(ModelFileError) {
    if let fault = configuration.fault {
      throw ModelFileError(.option, url, "No model can have this configuration: \(fault).")
    }
    if precision == .int8, configuration.width % PackedWeights.rowBlock != 0 {
      throw ModelFileError(
        .option, url,
        "An int8 model needs a width that is a multiple of \(PackedWeights.rowBlock), not "
          + "\(configuration.width): write it as float32.")
    }
    var writer = SafeTensorsWriter()
    var migrated = precision == .int8 ? try migrateNorms(configuration, weight) : [:]
    var tensors = configuration.floatTensors
    if let text {
      tensors += try textTensors(text.configuration, configuration, url)
      let merges = try mergeBytes(text.merges, text.configuration, url)
      writer.add(TextTowerConfiguration.mergesName, type: .uint8, shape: [merges.count], bytes: merges)
    }
    for tensor in tensors {
      let values: [Float]
      if let rescaled = migrated.removeValue(forKey: tensor.name) {
        values = rescaled
      } else {
        values = try weight(tensor.name, tensor.shape)
      }
      if let fault = values.withUnsafeBufferPointer(\.nonFiniteFault) {
        throw ModelFileError(
          .invalidValue, url, "Tensor \(tensor.name) \(fault), but weights must be finite.")
      }
      if precision == .int8, ImageTowerConfiguration.isQuantised(tensor.name) {
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        let packed = PackedWeights(quantising: Matrix(rows: rows, columns: columns, values: values))
        writer.add(
          tensor.name, shape: PackedWeights.shape(rows: rows, columns: columns), packed.values)
        writer.add(ImageTowerConfiguration.scaleName(of: tensor.name), shape: [rows], packed.scales)
      } else {
        writer.add(tensor.name, shape: tensor.shape, values)
      }
    }
    writer.metadata = try ModelMetadata(
      precision: precision, configuration: configuration, text: text?.configuration,
      textHash: text.map { _ in writer.sha256(ofNamesStartingWith: textPrefix) }, origin: origin
    ).strings(for: url)
    try writer.write(to: url)
  }

  private static func textTensors(
    _ text: TextTowerConfiguration, _ image: ImageTowerConfiguration, _ url: URL
  ) throws(ModelFileError) -> [ModelTensor] {
    if let fault = text.fault {
      throw ModelFileError(.option, url, "No model can have this text tower: \(fault).")
    }
    guard let embeddingWidth = image.embeddingWidth else {
      throw ModelFileError(.option, url, "A model with a text tower needs an image tower with a projection.")
    }
    return text.floatTensors(embeddingWidth: embeddingWidth)
  }

  private static func mergeBytes(
    _ merges: [String], _ text: TextTowerConfiguration, _ url: URL
  ) throws(ModelFileError) -> [UInt8] {
    guard merges.count == text.mergeCount else {
      throw ModelFileError(
        .option, url,
        "A vocabulary of \(text.vocabularySize) has \(text.mergeCount) merges, not \(merges.count).")
    }
    do {
      _ = try Tokenizer(merges: merges)
    } catch {
      throw ModelFileError(.option, url, "The merges are no vocabulary: \(error)")
    }
    return Array(merges.joined(separator: "\n").utf8)
  }

  /// Gains, biases and weights of each block's two LayerNorms and the layers behind them, after `NormMigration`.
  private static func migrateNorms(
    _ configuration: ImageTowerConfiguration,
    _ weight: (_ name: String, _ shape: [Int]) throws(ModelFileError) -> [Float]
  ) throws(ModelFileError) -> [String: [Float]] {
    let width = configuration.width
    var migrated: [String: [Float]] = [:]
    for block in 0..<configuration.depth {
      for (norm, layer, rows) in [
        ("norm1", "attention.qkv", 3 * width), ("norm2", "mlp.in", configuration.mlpWidth),
      ] {
        let (norm, layer) = ("image.blocks.\(block).\(norm)", "image.blocks.\(block).\(layer).weight")
        let (gain, bias) = (try weight("\(norm).weight", [width]), try weight("\(norm).bias", [width]))
        let weights = try weight(layer, [rows, width])
        migrated["\(norm).weight"] = gain
        migrated["\(norm).bias"] = bias
        migrated[layer] = weights
        // What is not finite is refused by the caller, with its own index.
        guard (gain + bias + weights).allSatisfy(\.isFinite) else { continue }
        let migration = NormMigration(
          gain: gain, bias: bias, weights: Matrix(rows: rows, columns: width, values: weights))
        migrated["\(norm).weight"] = migration.gain
        migrated["\(norm).bias"] = migration.bias
        migrated[layer] = migration.weights.values
      }
    }
    return migrated
  }
}
