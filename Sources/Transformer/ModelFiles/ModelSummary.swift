import Foundation

/// What `assayctl model inspect` tells about a model file; `description` is the form for people.
public struct ModelSummary: Sendable, Codable, Equatable, CustomStringConvertible {
  public struct Tensor: Sendable, Codable, Equatable {
    public let name: String
    public let type: TensorType
    public let shape: [Int]
  }

  public let file: String
  /// Size of the file in bytes.
  public let byteCount: Int
  public let hash: String
  public let format: String
  public let precision: ModelFile.Precision
  public let imageTower: ImageTowerConfiguration
  /// Nil in a model without a text tower.
  public let textTower: TextTowerConfiguration?
  /// Weights of the model: padding and scales of quantised weights do not count.
  public let parameters: Int
  public let origin: ModelOrigin
  /// By name.
  public let tensors: [Tensor]

  public init(_ model: ModelFile) {
    file = model.url.path
    byteCount = model.file.byteCount
    hash = model.hash
    format = ModelMetadata.format
    precision = model.precision
    imageTower = model.configuration
    textTower = model.text
    let textTensors = model.text?.floatTensors(embeddingWidth: model.configuration.embeddingWidth ?? 0) ?? []
    parameters = (model.configuration.floatTensors + textTensors).reduce(0) { $0 + $1.shape.reduce(1, *) }
    origin = model.origin
    tensors = model.file.tensors.map { Tensor(name: $0.name, type: $0.type, shape: $0.shape) }
  }

  public var description: String {
    let tower = imageTower
    let (width, height) = (tower.gridColumns * tower.patchSize, tower.gridRows * tower.patchSize)
    let megabytes = String(format: "%.1f", Double(byteCount) / 1e6)
    var rows = [
      ("file", file),
      ("size", "\(megabytes) MB, \(tensors.count) tensors, \(parameters) parameters, \(precision.rawValue)"),
      ("hash", hash),
      (
        "image tower",
        "\(tower.depth) blocks, width \(tower.width), \(tower.heads) heads, MLP \(tower.mlpWidth)"
      ),
      ("", "\(tower.activation.rawValue), LayerNorm epsilon \(tower.layerNormEpsilon)"),
      ("", tower.hasPreNorm ? "LayerNorm before the first block" : "no LayerNorm before the first block"),
      ("", tower.embeddingWidth.map { "class token projected to \($0) channels" } ?? "no projection"),
      ("input", "patches of \(tower.patchSize) x \(tower.patchSize) pixels"),
      (
        "",
        "position grid \(tower.gridColumns) x \(tower.gridRows) = \(width) x \(height) pixels, "
          + "others by \(tower.positionInterpolation.rawValue) interpolation"
      ),
      ("", "mean \(tower.mean), standard deviation \(tower.standardDeviation)"),
    ]
    if let text = textTower {
      rows += [
        (
          "text tower",
          "\(text.depth) blocks, width \(text.width), \(text.heads) heads, MLP \(text.mlpWidth), float32"
        ),
        ("", "\(text.activation.rawValue), LayerNorm epsilon \(text.layerNormEpsilon)"),
        ("", "texts of up to \(text.contextLength) tokens of \(text.vocabularySize)"),
      ]
    } else {
      rows.append(("text tower", "none"))
    }
    rows += [
      ("origin", origin.attribution),
      ("", "\(origin.layout) checkpoint \(origin.sourceFile), sha256 \(origin.sourceHash)"),
      ("", "\(origin.sourceTensors) tensors, \(origin.sourceParameters) parameters read by \(origin.tool)"),
    ]
    return rows.map { "\($0.padding(toLength: 13, withPad: " ", startingAt: 0))\($1)" }.joined(
      separator: "\n")
  }
}
