public import Compute
public import Foundation
public import Imaging
public import Transformer

/// The parity fixture `promptad-tiny`: what the released PromptAD computes with a small, seeded random CLIP. The page
/// beside the file describes every tensor and how close is close.
public final class PromptADFixture: Sendable {
  /// The file, or nil where it does not lie beside the checkout.
  public static let file: URL? = {
    let file = Repository.root.deletingLastPathComponent()
      .appending(path: "shared/reference/fixtures/promptad-tiny.safetensors")
    return FileManager.default.fileExists(atPath: file.path) ? file : nil
  }()

  /// For `.enabled(if:_:)`.
  public static var isAvailable: Bool { file != nil }
  public static let skipReason = "The parity fixture promptad-tiny is not beside the checkout."

  /// What the JSON file beside the tensors says, as far as tests need it.
  public struct Facts: Decodable, Sendable {
    public struct Model: Decodable, Sendable {
      public struct Vision: Decodable, Sendable {
        public let imageSize: Int
        public let layers: Int
        public let width: Int
        public let patchSize: Int
      }
      public struct Text: Decodable, Sendable {
        public let contextLength: Int
        public let vocabSize: Int
        public let width: Int
        public let layers: Int
      }
      public let embedDim: Int
      public let visionCfg: Vision
      public let textCfg: Text
    }
    public struct Preprocessing: Decodable, Sendable {
      public let mean: [Float]
      public let std: [Float]
    }
    public struct Images: Decodable, Sendable {
      /// Under `support` and `query`, one an image.
      public let sha256RgbAfterOpencv1024X1024: [String: [String]]
      public let queryLabels: [Int]
    }
    public let model: Model
    public let visionHeads: Int
    public let textHeads: Int
    public let layernormEps: Float
    public let grid: Int
    public let logitScaleRaw: Float
    /// Side of the final maps.
    public let resolution: Int
    public let gaussianSigma: Double
    public let kShot: Int
    public let preprocess: Preprocessing
    public let className: String
    public let states: [String]
    /// Under `cls`, `seg` and `segch`, then `np`, `map` and `lap`: prompts in row order.
    public let prompts: [String: [String: [String]]]
    public let images: Images
  }

  public let facts: Facts
  private let tensors: SafeTensorsFile
  private let folder: TemporaryFolder

  public struct Missing: Error, CustomStringConvertible {
    public let description: String
  }

  public init() throws {
    guard let file = Self.file else { throw Missing(description: Self.skipReason) }
    tensors = try SafeTensorsFile(contentsOf: file)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    facts = try decoder.decode(
      Facts.self, from: Data(contentsOf: file.deletingPathExtension().appendingPathExtension("json")))
    folder = try TemporaryFolder()
  }

  // MARK: Tensors

  public func shape(_ name: String) throws -> [Int] { try view(name).description.shape }

  /// The elements of an F32 tensor, row-major.
  public func floats(_ name: String) throws -> [Float] {
    guard let values = try view(name).floats() else { throw Missing(description: "\(name) is not F32.") }
    return values
  }

  /// The elements of an I32 tensor, row-major.
  public func integers(_ name: String) throws -> [Int32] {
    let view = try view(name)
    guard view.description.type == .int32 else { throw Missing(description: "\(name) is not I32.") }
    return (0..<view.description.elementCount).map {
      Int32(littleEndian: view.bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self))
    }
  }

  /// The elements of a U8 tensor, row-major.
  public func bytes(_ name: String) throws -> [UInt8] {
    let view = try view(name)
    guard view.description.type == .uint8 else { throw Missing(description: "\(name) is not U8.") }
    return Array(view.bytes)
  }

  /// An F32 tensor with its last dimension as columns and all others as rows.
  public func matrix(_ name: String) throws -> Matrix {
    let values = try floats(name)
    let columns = try shape(name).last ?? 1
    return Matrix(rows: values.count / columns, columns: columns, values: values)
  }

  /// Element `index` along the first dimension of an F32 tensor, the last dimension as columns.
  public func matrix(_ name: String, at index: Int) throws -> Matrix {
    let whole = try matrix(name)
    let rows = whole.rows / (try shape(name).first ?? 1)
    let range = index * rows * whole.columns..<(index + 1) * rows * whole.columns
    return Matrix(rows: rows, columns: whole.columns, values: Array(whole.values[range]))
  }

  /// The pictures as they go into the encoder: `support` or `query`.
  public func inputs(_ set: String) throws -> [Picture] {
    let shape = try shape("fx.\(set).u8")
    let pixels = try bytes("fx.\(set).u8")
    let count = pixels.count / shape[0]
    return (0..<shape[0]).map {
      Picture(width: shape[2], height: shape[1], pixels: Array(pixels[$0 * count..<($0 + 1) * count]))
    }
  }

  /// The original picture of `support` or `query`.
  public func original(_ set: String, _ index: Int) throws -> Picture {
    let shape = try shape("fx.\(set).rgb.\(index)")
    return Picture(width: shape[1], height: shape[0], pixels: try bytes("fx.\(set).rgb.\(index)"))
  }

  private func view(_ name: String) throws -> TensorView {
    guard let view = tensors.tensor(named: name) else {
      throw Missing(description: "The fixture has no tensor \(name).")
    }
    return view
  }

  // MARK: Model

  public var imageTower: ImageTowerConfiguration {
    let vision = facts.model.visionCfg
    return ImageTowerConfiguration(
      patchSize: vision.patchSize, width: vision.width, depth: vision.layers, heads: facts.visionHeads,
      mlpWidth: 4 * vision.width, activation: .gelu, layerNormEpsilon: facts.layernormEps, hasPreNorm: true,
      gridRows: facts.grid, gridColumns: facts.grid, positionInterpolation: .bicubic,
      embeddingWidth: facts.model.embedDim, mean: facts.preprocess.mean,
      standardDeviation: facts.preprocess.std)
  }

  public var textTower: TextTowerConfiguration {
    let text = facts.model.textCfg
    return TextTowerConfiguration(
      width: text.width, depth: text.layers, heads: facts.textHeads, mlpWidth: 4 * text.width,
      contextLength: text.contextLength, vocabularySize: text.vocabSize, activation: .gelu,
      layerNormEpsilon: facts.layernormEps)
  }

  /// Stands in for CLIP's vocabulary, which is not part of the fixture: as many merges, of pairs of bytes. Prompts come as
  /// tokens.
  private static let merges: [String] = {
    let bytes = (Array(33...126) + Array(161...172) + Array(174...255) + Array(256..<324)).compactMap {
      Unicode.Scalar(UInt32($0)).map(String.init)
    }
    return bytes.flatMap { first in bytes.map { "\(first) \($0)" } }.prefix(48_894).map(\.self)
  }()

  /// The fixture's CLIP as a model file, which lives as long as this object.
  public func model(_ precision: ModelFile.Precision = .float32) throws -> ModelFile {
    let url = folder.file("\(precision.rawValue).safetensors")
    let origin = ModelOrigin(
      attribution: "promptad-tiny, seeded random weights", layout: "openclip",
      sourceFile: tensors.url.lastPathComponent, sourceHash: "none", sourceTensors: 0, sourceParameters: 0,
      tool: "tests")
    try ModelFile.write(
      to: url, configuration: imageTower, text: (textTower, Self.merges), precision: precision, origin: origin
    ) {
      (name, shape) throws(ModelFileError) in try weight(name, shape, of: url)
    }
    return try ModelFile(contentsOf: url)
  }

  /// The elements of a tensor of our model format, text tower included.
  private func weight(_ name: String, _ shape: [Int], of file: URL) throws(ModelFileError) -> [Float] {
    do {
      switch name {
      case "image.patch.bias": return [Float](repeating: 0, count: shape[0])
      case "image.projection": return try transposed("visual.proj")
      case "text.projection": return try transposed("text_projection")
      case "text.embedding": return try embedding(rows: shape[0])
      default: return try floats(Self.openCLIPName(of: name))
      }
    } catch {
      throw ModelFileError(.invalidValue, file, "\(name): \(error)")
    }
  }

  private func transposed(_ name: String) throws -> [Float] {
    let matrix = try matrix(name)
    return (0..<matrix.columns).flatMap { column in (0..<matrix.rows).map { matrix[$0, column] } }
  }

  /// The whole token embedding; the fixture holds the rows in use only, and the others are never read.
  private func embedding(rows: Int) throws -> [Float] {
    let known = try matrix("token_embedding.rows")
    var values = [Float](repeating: 0, count: rows * known.columns)
    for (row, id) in try integers("token_embedding.ids").enumerated() {
      let start = Int(id) * known.columns
      values.replaceSubrange(start..<start + known.columns, with: known.row(row))
    }
    return values
  }

  private static func openCLIPName(of name: String) -> String {
    switch name {
    case "image.patch.weight": return "visual.conv1.weight"
    case "image.class": return "visual.class_embedding"
    case "image.position": return "visual.positional_embedding"
    case "text.position": return "positional_embedding"
    default: break
    }
    var result = name
    for (ours, theirs) in [
      ("image.pre_norm.", "visual.ln_pre."), ("image.norm.", "visual.ln_post."), ("text.norm.", "ln_final."),
      ("image.blocks.", "visual.transformer.resblocks."), ("text.blocks.", "transformer.resblocks."),
      (".norm1.", ".ln_1."), (".norm2.", ".ln_2."), (".attention.qkv.", ".attn.in_proj_"),
      (".attention.out.", ".attn.out_proj."), (".mlp.in.", ".mlp.c_fc."), (".mlp.out.", ".mlp.c_proj."),
    ] {
      result.replace(ours, with: theirs)
    }
    return result
  }
}

extension Matrix {
  /// The largest absolute difference of two matrices of one shape; infinity where the shapes differ.
  public func largestDifference(from other: Matrix) -> Float {
    guard rows == other.rows, columns == other.columns else { return .infinity }
    return zip(values, other.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }
}
