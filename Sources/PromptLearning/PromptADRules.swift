/// Whose PromptAD is learned: where the paper (CVPR 2024) and the code its authors released differ.
public enum PromptADParity: String, Sendable, Codable, CaseIterable {
  /// The mathematically right reading. The default.
  case corrected
  /// What the released code computes, its mistakes included: for comparison with published numbers.
  case released
}

/// The choices of PromptAD's learning that paper and released code make differently. `docs/promptad.md` lists every
/// difference, those that are not about learning too, with its effect.
public struct PromptADRules: Sendable, Codable, Equatable {
  /// The explicit anomaly margin of a feature x between the normal prototype n and the abnormal one a, both unit
  /// vectors.
  public enum Margin: String, Sendable, Codable, CaseIterable {
    /// max(0, |x - n| - |x - a|), the mean over all x: the paper.
    case euclidean
    /// max(0, |x - n|² - |x - a|²), the mean over all x: the released code for whole images.
    case squared
    /// For each image and channel c, max(0, Σ (x_c - n_c)² - Σ (x_c - a_c)²) with the sums over the image's patches,
    /// the mean over images and channels: the released code for pixels, which sums over the wrong axis.
    case squaredOverPatches = "squared_over_patches"
  }

  /// Where a learned anomaly vector stands in its prompt.
  public enum AnomalyPlace: String, Sendable, Codable, CaseIterable {
    /// As a suffix of the product's name: the paper.
    case afterName = "after_name"
    /// Between the context and the product's name: the released code.
    case beforeName = "before_name"
  }

  public var imageMargin: Margin
  public var pixelMargin: Margin
  public var anomalyPlace: AnomalyPlace

  private enum CodingKeys: String, CodingKey {
    case imageMargin = "image_margin"
    case pixelMargin = "pixel_margin"
    case anomalyPlace = "anomaly_place"
  }

  public init(_ parity: PromptADParity = .corrected) {
    switch parity {
    case .corrected: (imageMargin, pixelMargin, anomalyPlace) = (.euclidean, .euclidean, .afterName)
    case .released: (imageMargin, pixelMargin, anomalyPlace) = (.squared, .squaredOverPatches, .beforeName)
    }
  }
}
