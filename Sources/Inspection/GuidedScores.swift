public import Compute
internal import Imaging

/// The scores of one picture by texts and references together, as PromptAD makes them.
///
/// Pixels are fused on the patch grid and then interpolated and smoothed; the picture's score takes the highest
/// interpolated visual score, unsmoothed, and what the class token says. Patches' texts have no part in it.
public struct GuidedScores: Sendable, Equatable {
  /// Fused scores of patches, `gridRows x gridColumns`.
  public var patches: Matrix
  /// The same, interpolated and smoothed.
  public var map: Matrix
  /// The score of the picture.
  public var image: Float

  /// How patch scores become a map.
  public struct MapOptions: Sendable, Equatable {
    public var rows: Int
    public var columns: Int
    /// Standard deviation of the Gaussian in pixels of the map.
    public var sigma: Double

    /// What PromptAD was published with.
    public static let published = MapOptions(rows: 400, columns: 400, sigma: 4)

    public init(rows: Int, columns: Int, sigma: Double) {
      self.rows = rows
      self.columns = columns
      self.sigma = sigma
    }
  }

  /// - Parameters:
  ///   - visual: VAD of the patches, `gridRows x gridColumns`; see `visualScores`.
  ///   - imageFeature: the class token's embedding, one row, a unit vector.
  ///   - patchFeatures: the patches' local embeddings, unit vectors, row-major over the grid.
  ///   - pool: helps to make the map where it is idle, and is not waited for.
  public init(
    visual: Matrix, imageFeature: Matrix, patchFeatures: Matrix, prototypes: TextPrototypes,
    fusion: ScoreFusion = .harmonicMean, map options: MapOptions, pool: ThreadPool = .callingThread
  ) {
    precondition(
      imageFeature.rows == 1 && patchFeatures.rows == visual.rows * visual.columns,
      "There is one feature of the image and one a patch of the grid.")
    patches = Matrix(
      rows: visual.rows, columns: visual.columns,
      values: zip(prototypes.patchScores(of: patchFeatures), visual.values).map {
        fusion.fused(prompt: $0, visual: $1)
      })
    map = patches.upsampled(rows: options.rows, columns: options.columns)
      .smoothed(sigma: options.sigma, pool: pool)
    let highest = visual.upsampled(rows: options.rows, columns: options.columns).values.max() ?? 0
    image = fusion.fused(prompt: prototypes.imageScores(of: imageFeature)[0], visual: highest)
  }

  /// Without references: what the texts say, and nothing else.
  public init(
    imageFeature: Matrix, patchFeatures: Matrix, prototypes: TextPrototypes, gridRows: Int, gridColumns: Int,
    map options: MapOptions, pool: ThreadPool = .callingThread
  ) {
    precondition(
      imageFeature.rows == 1 && patchFeatures.rows == gridRows * gridColumns,
      "There is one feature of the image and one a patch of the grid.")
    patches = Matrix(rows: gridRows, columns: gridColumns, values: prototypes.patchScores(of: patchFeatures))
    map = patches.upsampled(rows: options.rows, columns: options.columns)
      .smoothed(sigma: options.sigma, pool: pool)
    image = prototypes.imageScores(of: imageFeature)[0]
  }

  /// VAD: (1 - cosine) / 2 to the nearest reference patch, the mean over taps; 0 to 1.
  ///
  /// - Parameter nearest: for each tap the nearest reference patch of every patch, row-major over the grid.
  public static func visualScores(_ nearest: [[Neighbour]], gridRows: Int, gridColumns: Int) -> Matrix {
    precondition(
      !nearest.isEmpty && nearest.allSatisfy { $0.count == gridRows * gridColumns },
      "There is one neighbour a patch at each tap.")
    var visual = Matrix(rows: gridRows, columns: gridColumns)
    for tap in nearest {
      for (patch, neighbour) in tap.enumerated() {
        visual.values[patch] += max(0, 1 - neighbour.similarity) / 2 / Float(nearest.count)
      }
    }
    return visual
  }
}
