public import Compute
internal import Foundation

/// What a recipe's texts come to: the directions in the joint embedding that pictures are compared with.
///
/// Made by learning or from hand-written prompts, once; judging needs no text tower.
public struct TextPrototypes: Sendable, Equatable {
  /// `2 x channels`: normal and abnormal, unit vectors, for features of whole images.
  public var image: Matrix
  /// The same for features of patches.
  public var pixel: Matrix
  /// What regions are named after; empty where there are no words.
  public var defects: [String]
  /// One unit vector a name.
  public var defectFeatures: Matrix
  /// What cosines are multiplied with before the softmax of normal and abnormal.
  public var scale: Float
  /// The checkpoint's `logit_scale`: names are chosen with exp of it, as CLIP was trained.
  public var logitScale: Float

  /// - Precondition: all matrices have the same number of columns, prototypes have two rows, and each defect has one.
  public init(
    image: Matrix, pixel: Matrix, defects: [String], defectFeatures: Matrix, scale: Float, logitScale: Float
  ) {
    precondition(
      image.rows == 2 && pixel.rows == 2 && image.columns == pixel.columns
        && defectFeatures.rows == defects.count && defectFeatures.columns == image.columns,
      "Prototypes are two rows, one for normal and one for abnormal, and there is one row a defect.")
    self.image = image
    self.pixel = pixel
    self.defects = defects
    self.defectFeatures = defectFeatures
    self.scale = scale
    self.logitScale = logitScale
  }

  /// Channels of the joint embedding.
  public var width: Int { image.columns }

  /// PAD: softmax(scale <x, prototypes>)[abnormal] of each row x, 0 to 1; rows are unit vectors.
  public func imageScores(of features: Matrix) -> [Float] { Self.scores(of: features, image, scale) }

  /// PAD of patches, as `imageScores`.
  public func patchScores(of features: Matrix) -> [Float] { Self.scores(of: features, pixel, scale) }

  private static func scores(of features: Matrix, _ prototypes: Matrix, _ scale: Float) -> [Float] {
    precondition(features.columns == prototypes.columns, "Features have \(features.columns) channels.")
    return (0..<features.rows).map { row in
      let difference =
        cosine(features.row(row), prototypes.row(1)) - cosine(features.row(row), prototypes.row(0))
      return Float(1 / (1 + exp(-Double(scale) * difference)))
    }
  }

  /// The most likely defect of a region and its probability among the names; nil where there are no names.
  ///
  /// The region's feature is the weighted mean of its patches' features, made a unit vector; the probability is its
  /// softmax over the defects with CLIP's own temperature.
  /// - Parameters:
  ///   - features: unit vectors, one row a patch.
  ///   - weights: how much each patch counts, not negative: the region's area in it.
  public func likeliestDefect(of features: Matrix, weights: [Float]) -> (name: String, probability: Double)? {
    precondition(features.rows == weights.count, "There is one weight a patch.")
    guard !defects.isEmpty, weights.contains(where: { $0 > 0 }) else { return nil }
    var mean = [Double](repeating: 0, count: width)
    for (row, weight) in weights.enumerated() where weight > 0 {
      for (channel, value) in features.row(row).enumerated() {
        mean[channel] += Double(weight) * Double(value)
      }
    }
    let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard length > 0 else { return nil }
    let temperature = exp(Double(logitScale)) / length
    let logits = defects.indices.map { defect in
      temperature * zip(mean, defectFeatures.row(defect)).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    guard let top = logits.max(), let best = logits.firstIndex(of: top) else { return nil }
    return (defects[best], 1 / logits.reduce(0) { $0 + exp($1 - top) })
  }

  private static func cosine(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
}
