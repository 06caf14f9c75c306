import Foundation

/// Where a model's weights come from; `docs/model-format.md` gives the names of the fields in the file.
public struct ModelOrigin: Sendable, Equatable, Codable {
  /// Name, source, authors and licence in words, as given at the import.
  public var attribution: String
  /// Naming scheme of the checkpoint: `huggingface_dinov2`, `openclip` or `huggingface_clip`.
  public var layout: String
  /// Name of the checkpoint file, without its folder.
  public var sourceFile: String
  /// SHA-256 of the checkpoint in lower-case hexadecimal.
  public var sourceHash: String
  /// Tensors of the checkpoint that went into the model.
  public var sourceTensors: Int
  /// Elements of those tensors.
  public var sourceParameters: Int
  /// What wrote the file, with its version.
  public var tool: String

  public init(
    attribution: String, layout: String, sourceFile: String, sourceHash: String, sourceTensors: Int,
    sourceParameters: Int, tool: String
  ) {
    self.attribution = attribution
    self.layout = layout
    self.sourceFile = sourceFile
    self.sourceHash = sourceHash
    self.sourceTensors = sourceTensors
    self.sourceParameters = sourceParameters
    self.tool = tool
  }
}

/// What the metadata of a model file says, and its spelling there.
struct ModelMetadata {
  static let format = "assayd.model/1"
  /// The layout and rounding of `PackedWeights`; another scheme gets another name.
  static let quantisation = "int8-row-absmax127-packed16x4"

  var precision: ModelFile.Precision
  var configuration: ImageTowerConfiguration
  /// Nil in a file without a text tower.
  var text: TextTowerConfiguration?
  /// SHA-256 of the text tower's tensors, whose names start with `text.`, by name; present if `text` is.
  var textHash: String?
  var origin: ModelOrigin

  init(
    precision: ModelFile.Precision, configuration: ImageTowerConfiguration, text: TextTowerConfiguration?,
    textHash: String?, origin: ModelOrigin
  ) {
    self.precision = precision
    self.configuration = configuration
    self.text = text
    self.textHash = textHash
    self.origin = origin
  }

  init(_ strings: [String: String], of file: URL) throws(ModelFileError) {
    func incompatible(_ sentence: String) -> ModelFileError { ModelFileError(.incompatible, file, sentence) }

    guard let format = strings["format"], format.hasPrefix("assayd.model/") else {
      throw incompatible(
        "This is a safetensors file but not an assayd model: import checkpoints with `assayctl model import`."
      )
    }
    guard format == Self.format else {
      throw incompatible(
        "The file has the format \(format.quoted); this version reads \(Self.format.quoted).")
    }
    let known = ModelFile.Precision.allCases.map(\.rawValue.quoted).joined(separator: " or ")
    let spelling = strings["precision"] ?? ""
    guard let precision = ModelFile.Precision(rawValue: spelling) else {
      throw incompatible("The metadata's precision is \(spelling.quoted), not \(known).")
    }
    let quantisation = strings["quantisation"]
    guard quantisation == Self.quantisation(precision) else {
      throw incompatible(
        "The metadata's quantisation is \((quantisation ?? "").quoted), but a file of precision "
          + "\(precision.rawValue) has \((Self.quantisation(precision) ?? "").quoted).")
    }
    self.precision = precision
    configuration = try Self.decode("image_tower", strings, file)
    if let fault = configuration.fault {
      throw incompatible("The metadata's image_tower is impossible: \(fault).")
    }
    if precision == .int8, configuration.width % PackedWeights.rowBlock != 0 {
      throw incompatible(
        "An int8 model needs a width that is a multiple of \(PackedWeights.rowBlock), not \(configuration.width)."
      )
    }
    if strings["text_tower"] != nil {
      let text: TextTowerConfiguration = try Self.decode("text_tower", strings, file)
      if let fault = text.fault {
        throw incompatible("The metadata's text_tower is impossible: \(fault).")
      }
      guard configuration.embeddingWidth != nil else {
        throw incompatible("The metadata has a text_tower, but its image_tower has no embedding_width.")
      }
      guard let hash = strings["text_hash"] else { throw incompatible("The metadata has no text_hash.") }
      self.text = text
      textHash = hash
    }
    origin = try Self.decode("origin", strings, file)
  }

  /// The strings to write under `__metadata__`.
  func strings(for file: URL) throws(ModelFileError) -> [String: String] {
    var strings = [
      "format": Self.format, "precision": precision.rawValue,
      "image_tower": try Self.encode(configuration, file), "origin": try Self.encode(origin, file),
    ]
    strings["quantisation"] = Self.quantisation(precision)
    strings["text_tower"] = try text.map { text throws(ModelFileError) in try Self.encode(text, file) }
    strings["text_hash"] = textHash
    return strings
  }

  private static func quantisation(_ precision: ModelFile.Precision) -> String? {
    precision == .int8 ? Self.quantisation : nil
  }

  private static func encode(_ value: some Encodable, _ file: URL) throws(ModelFileError) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      throw ModelFileError(.unwritable, file, "The metadata cannot be written as JSON: \(error).")
    }
  }

  private static func decode<Value: Decodable>(
    _ key: String, _ strings: [String: String], _ file: URL
  ) throws(ModelFileError) -> Value {
    guard let json = strings[key] else {
      throw ModelFileError(.incompatible, file, "The metadata has no \(key).")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode(Value.self, from: Data(json.utf8))
    } catch {
      throw ModelFileError(
        .incompatible, file, "The metadata's \(key) cannot be read: \(Self.reason(error)).")
    }
  }

  private static func reason(_ error: any Error) -> String {
    // Spelt as in the file again, where the decoder reports the Swift name.
    func field(_ path: [any CodingKey]) -> String {
      path.map(\.stringValue).joined(separator: ".")
        .replacing(/[A-Z]/) { "_\($0.output.lowercased())" }.quoted
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): return "\(field(context.codingPath + [key])) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "\(field(context.codingPath)) has the wrong type"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      return "\(field(context.codingPath)) has a value that is not known"
    default: return "it is not valid JSON"
    }
  }
}
