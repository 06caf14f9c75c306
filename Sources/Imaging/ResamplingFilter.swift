/// An interpolation kernel as Pillow has it: when scaling down, it is stretched so that it averages (antialiasing).
public enum ResamplingFilter: String, Sendable, Codable, CaseIterable {
  /// Keys' cubic with a = -0.5, four pixels wide.
  case bicubic
  /// A triangle two pixels wide.
  case bilinear

  /// Half the kernel's width in pixels.
  var support: Double {
    switch self {
    case .bicubic: 2
    case .bilinear: 1
    }
  }

  func weight(_ distance: Double) -> Double {
    let x = abs(distance)
    switch self {
    case .bicubic:
      if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
      if x < 2 { return -0.5 * (((x - 5) * x + 8) * x - 4) }
      return 0
    case .bilinear:
      return max(0, 1 - x)
    }
  }
}
