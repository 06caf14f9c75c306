internal import Compute
internal import Foundation

/// PromptAD's three losses over the text features of one set of prompts, and their gradient at those features.
///
/// With n_i the features of normal prompts, a_j those of abnormal ones (manual, then learned), N the L2 norm's division
/// and t the scale:
///
///     n = N(mean n_i)      a = N(mean a_j)      â_j = N(a_j)
///     contrast    cross-entropy of t [<x, n>, <x, â_1>, ..., <x, â_M>] with the first as target, the mean over all x
///     margin      `PromptADRules.Margin`
///     alignment   |mean of manual â_j - mean of learned â_j|²
///
/// The image features x never change, so all that depends on them alone is prepared once.
struct PromptObjective: Sendable {
  private let margin: PromptADRules.Margin
  private let scale: Double
  private let alignmentWeight: Double
  private let set: PromptSet
  private let count: Int
  /// The features as the right-hand side of products: by channel, and by feature.
  private let byChannel: PackedMatrix
  private let byFeature: PackedMatrix
  /// For each image the sum of its features, `images x channels`, for the margin over patches.
  private let sums: [Double]
  private let featuresPerImage: Int
  private let path: KernelPath
  private let pool: ThreadPool

  /// - Parameters:
  ///   - features: L2-normalised, image by image.
  ///   - featuresPerImage: 1 for whole images, the number of patches for pixels.
  init(
    features: Matrix, featuresPerImage: Int, set: PromptSet, margin: PromptADRules.Margin, scale: Float,
    alignmentWeight: Double, path: KernelPath, pool: ThreadPool
  ) {
    self.margin = margin
    self.scale = Double(scale)
    self.alignmentWeight = alignmentWeight
    self.set = set
    self.featuresPerImage = featuresPerImage
    self.path = path
    self.pool = pool
    count = features.rows
    byChannel = PackedMatrix(transposeOf: features)
    byFeature = PackedMatrix(features)
    var sums = [Double](repeating: 0, count: features.rows / featuresPerImage * features.columns)
    if margin == .squaredOverPatches {
      for row in 0..<features.rows {
        let image = row / featuresPerImage
        for channel in 0..<features.columns {
          sums[image * features.columns + channel] += Double(features[row, channel])
        }
      }
    }
    self.sums = sums
  }

  /// - Parameter text: one feature a prompt, not normalised.
  func evaluate(_ text: Matrix) -> (losses: PromptLosses, gradient: Matrix) {
    let prototypes = PrototypeVectors(text, set)
    let width = text.columns
    // One row each: n, a, â_1 ... â_M.
    var rows = prototypes.normal.map(Float.init) + prototypes.abnormal.map(Float.init)
    for prompt in set.abnormal { rows += prototypes.units[prompt].map(Float.init) }
    let left = Matrix(rows: 2 + set.abnormal.count, columns: width, values: rows)
    let cosines = byChannel.multiplied(byRowsOf: left, path: path, pool: pool)  // (2 + M) x features

    var losses = PromptLosses()
    var slopes = Matrix(rows: left.rows, columns: count)  // at the cosines
    addContrast(cosines, &losses, &slopes)
    if margin != .squaredOverPatches { addMargin(cosines, &losses, &slopes) }
    let product = byFeature.multiplied(byRowsOf: slopes, path: path, pool: pool)  // (2 + M) x channels
    var gradient = product.values.map(Double.init)
    if margin == .squaredOverPatches { addMarginOverPatches(prototypes, &losses, &gradient) }
    addAlignment(prototypes, &losses, &gradient)
    losses.total = losses.contrast + losses.margin + alignmentWeight * losses.alignment
    return (losses, prototypes.gradient(at: text, gradient))
  }

  private func addContrast(_ cosines: Matrix, _ losses: inout PromptLosses, _ slopes: inout Matrix) {
    let classes = [0] + (2..<cosines.rows)
    var weights = [Double](repeating: 0, count: classes.count)
    for x in 0..<count {
      var top = -Double.infinity
      for (index, row) in classes.enumerated() {
        weights[index] = scale * Double(cosines[row, x])
        top = max(top, weights[index])
      }
      let target = weights[0]
      var sum = 0.0
      for index in weights.indices {
        weights[index] = exp(weights[index] - top)
        sum += weights[index]
      }
      losses.contrast += (top + log(sum) - target) / Double(count)
      for (index, row) in classes.enumerated() {
        let slope = (weights[index] / sum - (index == 0 ? 1 : 0)) * scale / Double(count)
        slopes[row, x] += Float(slope)
      }
    }
  }

  private func addMargin(_ cosines: Matrix, _ losses: inout PromptLosses, _ slopes: inout Matrix) {
    for x in 0..<count {
      // |x - n|² = 2 - 2 <x, n> for unit vectors.
      let toNormal = max(0, 2 - 2 * Double(cosines[0, x]))
      let toAbnormal = max(0, 2 - 2 * Double(cosines[1, x]))
      if margin == .squared {
        guard toNormal > toAbnormal else { continue }
        losses.margin += (toNormal - toAbnormal) / Double(count)
        slopes[0, x] -= Float(2 / Double(count))
        slopes[1, x] += Float(2 / Double(count))
      } else {
        let (normal, abnormal) = (toNormal.squareRoot(), toAbnormal.squareRoot())
        guard normal > abnormal else { continue }
        losses.margin += (normal - abnormal) / Double(count)
        // At distance 0 the slope is unbounded; a feature that lies on a prototype is left where it is.
        slopes[0, x] -= Float(1 / (normal * Double(count)))
        if abnormal > 1e-6 { slopes[1, x] += Float(1 / (abnormal * Double(count))) }
      }
    }
  }

  /// Σ (x_c - n_c)² - Σ (x_c - a_c)² = N (n_c² - a_c²) - 2 (n_c - a_c) Σ x_c over an image's N patches.
  private func addMarginOverPatches(
    _ prototypes: PrototypeVectors, _ losses: inout PromptLosses, _ gradient: inout [Double]
  ) {
    let (width, patches) = (prototypes.normal.count, Double(featuresPerImage))
    let images = sums.count / width
    let share = 1 / Double(images * width)
    for image in 0..<images {
      for channel in 0..<width {
        let (n, a, sum) = (
          prototypes.normal[channel], prototypes.abnormal[channel], sums[image * width + channel]
        )
        let excess = patches * (n * n - a * a) - 2 * (n - a) * sum
        guard excess > 0 else { continue }
        losses.margin += excess * share
        gradient[channel] += 2 * (patches * n - sum) * share
        gradient[width + channel] -= 2 * (patches * a - sum) * share
      }
    }
  }

  private func addAlignment(
    _ prototypes: PrototypeVectors, _ losses: inout PromptLosses, _ gradient: inout [Double]
  ) {
    let width = prototypes.normal.count
    var difference = [Double](repeating: 0, count: width)
    func share(_ prompt: Int) -> Double {
      set.manual.contains(prompt) ? 1 / Double(set.manual.count) : -1 / Double(set.learned.count)
    }
    for prompt in set.abnormal {
      let part = share(prompt)
      for channel in 0..<width { difference[channel] += part * prototypes.units[prompt][channel] }
    }
    losses.alignment = difference.reduce(0) { $0 + $1 * $1 }
    for prompt in set.abnormal {
      let factor = 2 * alignmentWeight * share(prompt)
      let row = (2 + prompt - set.abnormal.lowerBound) * width
      for channel in 0..<width { gradient[row + channel] += factor * difference[channel] }
    }
  }
}

/// The losses of one step, before its update.
public struct PromptLosses: Sendable, Codable, Equatable {
  /// contrast + margin + weight x alignment
  public var total = 0.0
  public var contrast = 0.0
  public var margin = 0.0
  /// Before its weight.
  public var alignment = 0.0

  public init() {}
}
