public import Foundation

/// A model in our format, mapped into memory and checked: `docs/model-format.md`.
///
/// Opening one checks everything that can be wrong with it: the container, the metadata, that every tensor the
/// architecture calls for is there with the right shape and type and nothing else is, that every float is finite
/// and every scale positive, and that no packed weight is -128. What an encoder reads afterwards can be trusted.
public final class ModelFile: Sendable {
  /// How the linear weights of the blocks are stored.
  public enum Precision: String, Sendable, Codable, CaseIterable {
    case float32
    case int8
  }

  public let configuration: ImageTowerConfiguration
  public let precision: Precision
  public let origin: ModelOrigin
  /// SHA-256 of the whole file in lower-case hexadecimal: what banks and recipes are bound to.
  public let hash: String
  let file: SafeTensorsFile

  public var url: URL { file.url }

  /// Opens and checks a file; a model of 88 MB takes a tenth of a second.
  public init(contentsOf url: URL) throws(ModelFileError) {
    func incompatible(_ sentence: String) -> ModelFileError { ModelFileError(.incompatible, url, sentence) }

    let file = try SafeTensorsFile(contentsOf: url)
    let metadata = try ModelMetadata(file.metadata, of: url)
    let expected = metadata.configuration.tensors(metadata.precision)
    for tensor in expected {
      guard let found = file.tensor(named: tensor.name) else {
        throw incompatible(
          "Tensor \(tensor.name) is missing; it should be \(tensor.type.rawValue) \(tensor.shape).")
      }
      guard found.description.type == tensor.type, found.description.shape == tensor.shape else {
        throw incompatible(
          "Tensor \(tensor.name) is \(found.description.type.rawValue) \(found.description.shape), but "
            + "\(tensor.type.rawValue) \(tensor.shape) was expected.")
      }
      guard found.description.offset % tensor.type.byteCount == 0 else {
        throw incompatible(
          "Tensor \(tensor.name) starts at byte \(found.description.offset), not at a multiple of "
            + "\(tensor.type.byteCount).")
      }
      if let fault = found.valueFault {
        throw ModelFileError(.invalidValue, url, "Tensor \(tensor.name) \(fault).")
      }
    }
    if file.tensors.count > expected.count {
      let names = Set(expected.map(\.name))
      let foreign = file.tensors.first { !names.contains($0.name) }
      throw incompatible("Tensor \((foreign?.name ?? "").quoted) has no place in this model.")
    }
    configuration = metadata.configuration
    precision = metadata.precision
    origin = metadata.origin
    hash = file.mapping.sha256()
    self.file = file
  }
}
