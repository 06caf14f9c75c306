public import Compute
public import Imaging
public import Transformer

/// A picture of a good part, as enrolled: cut to the region of interest, at its own resolution.
public struct Reference: Sendable, Equatable {
  /// What people call it: the name of the file it came from, or the frame's id.
  public var name: String
  public var picture: Picture

  public init(name: String, picture: Picture) {
    self.name = name
    self.picture = picture
  }
}

/// How far an enrolment is.
public enum EnrolmentProgress: Sendable, Equatable {
  /// Views encoded, of all references in all orientations.
  case encoding(done: Int, of: Int)
  /// Vectors kept, of those to keep.
  case reducing(done: Int, of: Int)
}

/// The patch features of a recipe's references: what a part is compared with.
///
/// Immutable, and bound to the model and the options it was made with.
public struct MemoryBank: Sendable, Equatable {
  /// What was done to a bank that was larger than allowed.
  public struct Coreset: Sendable, Codable, Equatable {
    /// Vectors there were.
    public var vectorsBefore: Int
    /// Vectors kept.
    public var vectorsKept: Int
    /// The highest cosine distance of a vector left out to the nearest kept one: by about so much at most can the
    /// reduction raise a patch's score.
    public var radius: Float

    private enum CodingKeys: String, CodingKey {
      case vectorsBefore = "vectors_before"
      case vectorsKept = "vectors_kept"
      case radius
    }
  }

  /// Vectors a bank holds unless told otherwise: 16 references in 8 views at the default input size, complete. More
  /// references lose less than 0.1 of pixel AUROC by being reduced to so many (docs/performance.md).
  public static let defaultLimit = 73_728
  public static let limits = 1_000...1_000_000
  /// Vectors that may be collected before reduction; 0.8 GB at 384 channels.
  static let collectionLimit = 1 << 19

  /// SHA-256 of the model file, lower-case hexadecimal.
  public let modelHash: String
  public let options: ScoringOptions
  /// Patches from top to bottom and from left to right of the input.
  public let gridRows: Int
  public let gridColumns: Int
  public let referenceCount: Int
  /// One L2-normalised row a patch of a view of a reference, references and views in order.
  public let vectors: Matrix
  /// For each vector the reference it came from, counted from 0.
  public let origins: [Int32]
  /// How the bank was reduced; nil where it is complete.
  public let coreset: Coreset?
  /// SHA-256 over everything above, lower-case hexadecimal: what calibrations are bound to.
  public let hash: String

  init(
    modelHash: String, options: ScoringOptions, gridRows: Int, gridColumns: Int, referenceCount: Int,
    vectors: Matrix, origins: [Int32], coreset: Coreset?
  ) {
    self.modelHash = modelHash
    self.options = options
    self.gridRows = gridRows
    self.gridColumns = gridColumns
    self.referenceCount = referenceCount
    self.vectors = vectors
    self.origins = origins
    self.coreset = coreset
    hash = Self.hash(
      modelHash: modelHash, options: options, gridRows: gridRows, gridColumns: gridColumns,
      referenceCount: referenceCount, vectors: vectors, origins: origins)
  }

  /// Refuses a model other than the one the bank was made with.
  public func check(model: any ImageEncoder) throws(InspectionError) {
    guard model.modelHash == modelHash else {
      throw .modelMismatch(bankModel: modelHash, model: model.modelHash)
    }
  }

  /// Refuses options other than those the bank was made with, naming what differs.
  public func check(options wanted: ScoringOptions) throws(InspectionError) {
    let differing = [
      ("input size", options.inputWidth == wanted.inputWidth && options.inputHeight == wanted.inputHeight),
      ("taps", options.taps == wanted.taps), ("views", options.views == wanted.views),
      ("image score", options.imageScore == wanted.imageScore),
      ("smoothing", options.smoothing == wanted.smoothing),
    ].filter { !$0.1 }.map(\.0)
    guard differing.isEmpty else {
      throw .options(
        "The memory bank was made with other scoring options (\(differing.joined(separator: ", "))): "
          + "enrol the references again, or set the recipe back.")
    }
  }
}
