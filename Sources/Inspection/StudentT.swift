import Foundation

/// Student's t distribution.
enum StudentT {
  /// The value that a variable with so many degrees of freedom stays below with probability `p`.
  ///
  /// By bisection of the distribution function, to the last bits of a double.
  /// - Precondition: `0.5 <= p < 1`, `degrees > 0`.
  static func quantile(_ p: Double, degrees: Double) -> Double {
    precondition(p >= 0.5 && p < 1 && degrees > 0, "The quantile is defined for 0.5 <= p < 1.")
    var low = 0.0
    var high = 1.0
    while upperTail(high, degrees: degrees) > 1 - p && high < 1e150 { high *= 2 }
    while true {
      let middle = (low + high) / 2
      if middle <= low || middle >= high { return middle }
      if upperTail(middle, degrees: degrees) > 1 - p { low = middle } else { high = middle }
    }
  }

  /// P(T > t) for t >= 0: half the regularised incomplete beta function I_x(degrees / 2, 1 / 2) at
  /// x = degrees / (degrees + t^2).
  static func upperTail(_ t: Double, degrees: Double) -> Double {
    0.5 * incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
  }

  /// I_x(a, b) by its continued fraction (Abramowitz and Stegun 26.5.8), evaluated from the front (Lentz).
  private static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges fast only on this side of the mean; the other side is the complement.
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
    let logFront = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)
    let tiny = 1e-300
    var c = 1.0
    var d = 1 / nonZero(1 - (a + b) * x / (a + 1), tiny)
    var value = d
    for m in 1...500 {
      let m = Double(m)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / nonZero(1 + even * d, tiny)
      c = nonZero(1 + even / c, tiny)
      value *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / nonZero(1 + odd * d, tiny)
      c = nonZero(1 + odd / c, tiny)
      value *= d * c
      if abs(d * c - 1) < 1e-16 { break }
    }
    return exp(logFront) * value / a
  }

  private static func nonZero(_ value: Double, _ tiny: Double) -> Double {
    abs(value) < tiny ? tiny : value
  }
}
