import Compute
public import Foundation

extension ModelFile {
  /// Writes a model file, whole or not at all; the same weights give the same bytes.
  ///
  /// - Parameters:
  ///   - weight: gives the row-major float32 elements of each tensor; called once a tensor with the name and shape
  ///     of `docs/model-format.md`. For an int8 file the blocks' linear weights are quantised here.
  /// - Throws: `ModelFileError` for an impossible configuration, a value that is not finite or a file that cannot
  ///   be written, and whatever `weight` throws.
  public static func write(
    to url: URL, configuration: ImageTowerConfiguration, precision: Precision, origin: ModelOrigin,
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
    var writer = SafeTensorsWriter(
      metadata: try ModelMetadata(precision: precision, configuration: configuration, origin: origin)
        .strings(for: url))
    for tensor in configuration.floatTensors {
      let values = try weight(tensor.name, tensor.shape)
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
    try writer.write(to: url)
  }
}
