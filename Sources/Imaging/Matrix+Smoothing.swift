import CKernels
public import Compute
import Foundation

extension Matrix {
  /// The matrix as a map, smoothed by a Gaussian.
  ///
  /// The same as `scipy.ndimage.gaussian_filter(map, sigma)` on float32: columns first, then rows; weights
  /// `exp(-x^2 / (2 sigma^2))` for `|x| <= int(4 sigma + 0.5)`, scaled to the sum 1; borders mirrored with the edge
  /// repeated; sums in float64 from the outermost pair inwards, rounded to float32 after each axis.
  ///
  /// - Parameters:
  ///   - sigma: in cells; 0 changes nothing.
  ///   - pool: helps where it is idle, and is not waited for.
  /// - Precondition: `sigma` is finite and not negative.
  public func smoothed(sigma: Double, pool: ThreadPool = .callingThread) -> Matrix {
    smoothed(sigma: sigma, pool: pool, KernelPath.kernelsForPictures)
  }

  func smoothed(sigma: Double, pool: ThreadPool = .callingThread, _ kernels: ck_kernels) -> Matrix {
    precondition(sigma.isFinite && sigma >= 0, "A map cannot be smoothed with sigma \(sigma).")
    let radius = Int(4 * sigma + 0.5)
    if radius == 0 || values.isEmpty { return self }
    let weights = Self.gaussianWeights(sigma: sigma, radius: radius)
    return Matrix(rows: rows, columns: columns, values: smoothed(weights: weights, kernels, pool))
  }

  /// The weights of the distances 0...radius.
  private static func gaussianWeights(sigma: Double, radius: Int) -> [Double] {
    let half = (0...radius).map { exp(-0.5 / (sigma * sigma) * Double($0 * $0)) }
    let sum = half[0] + 2 * half.dropFirst().reduce(0, +)
    return half.map { $0 / sum }
  }
}
