public import Compute
public import Imaging

/// The patch tokens of one picture at each tap asked for.
public struct PatchTokens: Sendable, Equatable {
  /// Patches from top to bottom and from left to right.
  public internal(set) var gridRows: Int
  public internal(set) var gridColumns: Int
  /// One `(gridRows * gridColumns) x width` matrix a tap, patches row-major, in the order the taps were given; the width
  /// is `ImageTowerConfiguration.width(at:)`. Nothing is L2-normalised. No rows at a tap of the class token only.
  public internal(set) var features: [Matrix]
  /// The class token at each tap, `1 x width`; at `.values` the local path's own.
  public internal(set) var classTokens: [Matrix]

  public init(gridRows: Int, gridColumns: Int, features: [Matrix], classTokens: [Matrix]) {
    self.gridRows = gridRows
    self.gridColumns = gridColumns
    self.features = features
    self.classTokens = classTokens
  }

  /// No tokens yet: what `encode(_:taps:into:)` is given the first time.
  public init() { self.init(gridRows: 0, gridColumns: 0, features: [], classTokens: []) }
}

/// A vision transformer that turns a picture into patch tokens.
///
/// Two implementations exist for every model: the float32 reference and, for quantised model files, the int8
/// path. Both may be called from several threads at once.
public protocol ImageEncoder: Sendable {
  var configuration: ImageTowerConfiguration { get }
  /// `ModelFile.hash`: what banks and recipes are bound to.
  var modelHash: String { get }
  /// The threads it works on, which may do what comes before and after it while they have nothing to encode; by default the
  /// calling one alone.
  var pool: ThreadPool { get }
  /// Encodes a picture that already has the input size.
  ///
  /// Only what the taps need is computed: no block after the last one that is read, and of that one no more than is read.
  /// - Parameters:
  ///   - picture: its sides are multiples of the patch size; they need not be equal.
  ///   - taps: at least one.
  func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens
  /// The same into tokens of an earlier picture, whose memory is used again where the shapes agree.
  func encode(_ picture: Picture, taps: [TokenTap], into tokens: inout PatchTokens) throws(EncoderError)
}

extension ImageEncoder {
  public var pool: ThreadPool { .callingThread }

  public func encode(
    _ picture: Picture, taps: [TokenTap], into tokens: inout PatchTokens
  ) throws(EncoderError) {
    tokens = try encode(picture, taps: taps)
  }
}

/// Why a picture could not be encoded.
public enum EncoderError: Error, Equatable, CustomStringConvertible {
  case pictureSize(width: Int, height: Int, patchSize: Int)
  case tap(block: Int, depth: Int)
  case noProjection

  public var description: String {
    switch self {
    case .pictureSize(let width, let height, let patchSize):
      "The input of \(width) x \(height) pixels does not divide into patches of \(patchSize) x \(patchSize): "
        + "choose sides that are multiples of \(patchSize)."
    case .tap(let block, let depth):
      "Block \(block) cannot be tapped: this model's blocks are 1 to \(depth)."
    case .noProjection:
      "This model has no projection to a joint embedding with text, so its tokens cannot be projected: use a CLIP model."
    }
  }
}
