internal import Compute
internal import Foundation

/// Seeded normal numbers (SplitMix64, Box-Muller): what vectors are before the first step.
struct NormalVectors {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// `rows x columns` numbers of mean 0.
  mutating func matrix(rows: Int, columns: Int, deviation: Double) -> Matrix {
    let values = (0..<rows * columns).map { _ in Float(deviation * normal()) }
    return Matrix(rows: rows, columns: columns, values: values)
  }

  private mutating func normal() -> Double {
    (-2 * log(1 - uniform())).squareRoot() * cos(2 * .pi * uniform())
  }

  /// 0 <= u < 1, 53 bits.
  private mutating func uniform() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }
}
