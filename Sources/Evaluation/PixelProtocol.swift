import Compute
import Imaging

/// How maps and masks are brought to one size before pixels are compared: by name, since figures that were taken by
/// different rules must not be compared.
///
/// Image scores are the method's own and do not depend on it.
public enum PixelProtocol: String, Sendable, Codable, CaseIterable {
  /// Small maps, quick to measure; what a station's own map shows, about.
  case assayd
  /// PromptAD's released code.
  case promptAD = "promptad"
  /// Bayes-PFL's released code.
  case bayesPFL = "bayes-pfl"
  /// APRIL-GAN's released code.
  case aprilGAN = "april-gan"
  /// DAPO's released code: the same rules as APRIL-GAN's.
  case dapo
  /// AnomalyDINO's released code.
  case anomalyDINO = "anomalydino"
  /// WinCLIP, as in its paper and in anomalib.
  case winCLIP = "winclip"

  enum MaskRule: String, Sendable, Codable {
    /// Nearest neighbour to the size of the map.
    case nearest
    /// Nearest neighbour to 1024 x 1024, and from there to the size of the map.
    case nearestBy1024 = "nearest_by_1024"
    /// Bilinear with antialiasing, cut at one half.
    case averaged
  }

  /// The side of the square that maps and masks are brought to; nil is each picture's own size.
  var side: Int? {
    switch self {
    case .assayd: 128
    case .promptAD: 400
    case .bayesPFL, .aprilGAN, .dapo: 518
    case .anomalyDINO, .winCLIP: nil
    }
  }

  /// Whether the outermost patches end at the outermost pixels (PyTorch's `align_corners`).
  var alignsCorners: Bool {
    switch self {
    case .bayesPFL, .aprilGAN, .dapo: true
    case .assayd, .promptAD, .anomalyDINO, .winCLIP: false
    }
  }

  /// The Gaussian over the map, in its pixels, borders reflected.
  var sigma: Double {
    switch self {
    case .assayd: 2
    case .promptAD, .anomalyDINO: 4
    case .bayesPFL: 8
    case .aprilGAN, .dapo, .winCLIP: 0
    }
  }

  var masks: MaskRule {
    switch self {
    case .promptAD: .nearestBy1024
    case .bayesPFL, .aprilGAN, .dapo: .averaged
    case .assayd, .anomalyDINO, .winCLIP: .nearest
    }
  }

  /// The map of a picture of `width x height` pixels.
  func map(patchScores: Matrix, width: Int, height: Int) -> Matrix {
    patchScores.upsampled(rows: side ?? height, columns: side ?? width, alignsCorners: alignsCorners)
      .smoothed(sigma: sigma)
  }

  /// A ground truth at the size of the map of a picture of `width x height` pixels.
  func mask(_ mask: Mask, width: Int, height: Int) -> Mask {
    let (width, height) = (side ?? width, side ?? height)
    return switch masks {
    case .nearest: mask.resized(width: width, height: height)
    case .nearestBy1024: mask.resized(width: 1024, height: 1024).resized(width: width, height: height)
    case .averaged: mask.averaged(width: width, height: height)
    }
  }

  /// The rules in words, for reports.
  public var explanation: String {
    let size = side.map { "\($0) x \($0)" } ?? "each picture's own size"
    let smoothing = sigma > 0 ? "sigma \(Int(sigma))" : "not smoothed"
    let ground =
      switch masks {
      case .nearest: "nearest neighbour"
      case .nearestBy1024: "nearest neighbour by way of 1024 x 1024"
      case .averaged: "bilinear, cut at one half"
      }
    return
      "maps at \(size), bilinear\(alignsCorners ? " with aligned corners" : ""), \(smoothing); masks \(ground)"
  }
}
