public import Foundation
import Synchronization

/// A model in our format, mapped into memory and checked: `docs/model-format.md`.
///
/// Opening one checks everything that can be wrong with it: the container, the metadata, that every tensor the
/// architecture calls for is there with the right shape and type and nothing else is, that every float is finite
/// and every scale positive, and that no packed weight is -128. What an encoder reads afterwards can be trusted. The values
/// of a text tower are not read until `checkText()`: they are most of a file and are needed for learning alone.
public final class ModelFile: Sendable {
  /// How the linear weights of the image tower's blocks are stored.
  public enum Precision: String, Sendable, Codable, CaseIterable {
    case float32
    case int8
  }

  public let configuration: ImageTowerConfiguration
  /// Nil in a model without a text tower.
  public let text: TextTowerConfiguration?
  public let precision: Precision
  public let origin: ModelOrigin
  /// What banks and recipes are bound to: SHA-256, in lower-case hexadecimal, of the file without the elements of the
  /// tensors whose names start with `text.`, which the metadata has the hash of. Without a text tower that is the whole file.
  public let hash: String
  let file: SafeTensorsFile
  private let textHash: String?
  let textIsChecked = Mutex(false)

  public var url: URL { file.url }

  /// Opens and checks a file; a model of 88 MB, or one of 480 MB of which the text tower takes 365, takes a tenth of a
  /// second.
  public init(contentsOf url: URL) throws(ModelFileError) {
    let file = try SafeTensorsFile(contentsOf: url)
    let metadata = try ModelMetadata(file.metadata, of: url)
    var expected = metadata.configuration.tensors(metadata.precision)
    if let text = metadata.text {
      expected += text.floatTensors(embeddingWidth: metadata.configuration.embeddingWidth ?? 0)
    }
    for tensor in expected {
      try file.check(tensor)
      if !tensor.name.hasPrefix(Self.textPrefix) { try file.checkValues(of: tensor.name) }
    }
    var names = Set(expected.map(\.name))
    if metadata.text != nil {
      try file.checkMerges()
      names.insert(TextTowerConfiguration.mergesName)
    }
    if let foreign = file.tensors.first(where: { !names.contains($0.name) }) {
      throw ModelFileError(.incompatible, url, "Tensor \(foreign.name.quoted) has no place in this model.")
    }
    configuration = metadata.configuration
    text = metadata.text
    precision = metadata.precision
    origin = metadata.origin
    textHash = metadata.textHash
    hash = file.hash(without: Self.textPrefix)
    self.file = file
  }

  /// What the names of a text tower's tensors start with.
  static let textPrefix = "text."

  /// Checks that the text tower's weights are those that `hash` stands for, and finite; must have succeeded before any of
  /// them is read.
  ///
  /// It reads all of them, 365 MB of a ViT-B-16-plus-240 in about a third of a second, the first time only.
  /// - Throws: `ModelFileError`, also where the model has no text tower.
  public func checkText() throws(ModelFileError) {
    guard let textHash else {
      throw ModelFileError(
        .unsupported, url, "The model has no text tower: import a CLIP checkpoint with its text tower.")
    }
    guard !textIsChecked.withLock({ $0 }) else { return }
    let tensors = file.tensors.filter { $0.name.hasPrefix(Self.textPrefix) }
    let found = file.mapping.sha256(of: tensors.map(\.range))
    guard found == textHash else {
      throw ModelFileError(
        .invalidValue, url,
        "The weights of the text tower have the SHA-256 \(found), but the file names \(textHash): it is damaged; import the "
          + "checkpoint again.")
    }
    for tensor in tensors where tensor.type == .float32 { try file.checkValues(of: tensor.name) }
    textIsChecked.withLock { $0 = true }
  }
}

extension SafeTensorsFile {
  /// SHA-256 of the file without the elements of the tensors whose names start so.
  fileprivate func hash(without prefix: String) -> String {
    var parts: [Range<Int>] = []
    var start = 0
    for left in tensors.filter({ $0.name.hasPrefix(prefix) }).map(\.range).sorted(by: {
      $0.lowerBound < $1.lowerBound
    }) {
      parts.append(start..<left.lowerBound)
      start = left.upperBound
    }
    return mapping.sha256(of: parts + [start..<byteCount])
  }

  /// Refuses a tensor that is not there as a model of this kind must have it.
  fileprivate func check(_ tensor: ModelTensor) throws(ModelFileError) {
    guard let found = self.tensor(named: tensor.name)?.description else {
      throw incompatible(
        "Tensor \(tensor.name) is missing; it should be \(tensor.type.rawValue) \(tensor.shape).")
    }
    guard found.type == tensor.type, found.shape == tensor.shape else {
      throw incompatible(
        "Tensor \(tensor.name) is \(found.type.rawValue) \(found.shape), but \(tensor.type.rawValue) \(tensor.shape) was "
          + "expected.")
    }
    guard found.offset % tensor.type.byteCount == 0 else {
      throw incompatible(
        "Tensor \(tensor.name) starts at byte \(found.offset), not at a multiple of \(tensor.type.byteCount)."
      )
    }
  }

  fileprivate func checkMerges() throws(ModelFileError) {
    let name = TextTowerConfiguration.mergesName
    guard let found = tensor(named: name)?.description else {
      throw incompatible(
        "Tensor \(name) is missing; it should be U8 with the vocabulary's merges as lines of UTF-8.")
    }
    guard found.type == .uint8, found.shape.count == 1 else {
      throw incompatible(
        "Tensor \(name) is \(found.type.rawValue) \(found.shape), but U8 of one dimension was expected.")
    }
  }

  fileprivate func checkValues(of name: String) throws(ModelFileError) {
    if let fault = tensor(named: name)?.valueFault {
      throw ModelFileError(.invalidValue, url, "Tensor \(name) \(fault).")
    }
  }

  private func incompatible(_ sentence: String) -> ModelFileError {
    ModelFileError(.incompatible, url, sentence)
  }
}
