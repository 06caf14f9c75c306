import Compute
import Foundation

/// A LayerNorm and the linear layer behind it, rescaled against each other so that int8 loses less.
///
/// A token has one scale for all its channels, so a few channels that a LayerNorm's gain makes large leave few steps
/// for all others. Dividing each channel of the LayerNorm's output by a factor and multiplying the weights that read it
/// by the same changes nothing in exact arithmetic and costs nothing at run time. SmoothQuant (Xiao et al., ICML 2023,
/// section 4) takes the channels' sizes from calibration pictures; here they come from the LayerNorm itself, whose
/// output in channel j has the mean `bias[j]` and a deviation near `|gain[j]|`, so no picture is needed.
struct NormMigration {
  let gain: [Float]
  let bias: [Float]
  /// Outputs x channels.
  let weights: Matrix

  /// How much of the spread goes into the weights, 0 to 1: `docs/numerics.md` has what was measured.
  private static let strength: Float = 0.8
  /// Deviations from the mean that count as a channel's size.
  private static let reach: Float = 3

  init(gain: [Float], bias: [Float], weights: Matrix) {
    var largest = [Float](repeating: 0, count: weights.columns)
    for row in 0..<weights.rows {
      for (channel, weight) in weights.row(row).enumerated() {
        largest[channel] = max(largest[channel], abs(weight))
      }
    }
    // Logarithms of the factors; a channel that is never anything, or never read, keeps the factor 1.
    let logarithms = largest.indices.map { channel -> Float in
      let size = abs(bias[channel]) + Self.reach * abs(gain[channel])
      guard size > 1e-6, largest[channel] > 1e-6 else { return 0 }
      return Self.strength * log(size) - (1 - Self.strength) * log(largest[channel])
    }
    let mean = logarithms.reduce(0, +) / Float(max(logarithms.count, 1))
    let factors = logarithms.map { $0 == 0 ? 1 : exp($0 - mean) }
    self.gain = zip(gain, factors).map { $0 / $1 }
    self.bias = zip(bias, factors).map { $0 / $1 }
    var scaled = weights
    for index in scaled.values.indices { scaled.values[index] *= factors[index % weights.columns] }
    self.weights = scaled
  }
}
