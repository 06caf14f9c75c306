package import CVideo4Linux
public import Imaging

/// A pixel format a camera offers.
public struct VideoFormat: Sendable, Equatable, Codable {
  /// V4L2's four-character code, as `v4l2-ctl` prints it.
  public let code: String
  /// The driver's name for it.
  public let name: String
  /// nil if assayd cannot read it.
  public let pixelFormat: PixelFormat?
  public let sizes: [VideoSizes]
}

/// A picture size, or a range of sizes; a single size has equal ends.
public struct VideoSizes: Sendable, Equatable, Codable {
  public let minimum: VideoSize
  public let maximum: VideoSize
  public let step: VideoSize
  /// At the largest of these sizes; empty if the driver does not tell.
  public var rates: [VideoRates]

  /// The allowed size closest to the wanted one, side by side; nil means as large as can be.
  func nearest(width: Int?, height: Int?) -> VideoSize {
    VideoSize(
      width: nearestAllowed(width ?? maximum.width, minimum.width, maximum.width, step.width),
      height: nearestAllowed(height ?? maximum.height, minimum.height, maximum.height, step.height))
  }
}

/// In pixels.
public struct VideoSize: Sendable, Equatable, Codable, CustomStringConvertible {
  public let width: Int
  public let height: Int

  public var description: String { "\(width)x\(height)" }
}

/// A frame rate, or a range of rates; a single rate has equal ends.
public struct VideoRates: Sendable, Equatable, Codable {
  /// The shortest time between frames: the fastest rate.
  public let shortest: FrameInterval
  /// The longest time between frames: the slowest rate.
  public let longest: FrameInterval

  /// The allowed interval closest in rate to `rate` frames a second; nil means the fastest.
  func nearest(_ rate: Double?) -> FrameInterval {
    guard let rate, rate < shortest.rate else { return shortest }
    return rate <= longest.rate ? longest : FrameInterval(rate: rate)
  }
}

/// The time between two frames, in seconds, as V4L2 writes it: a fraction.
public struct FrameInterval: Sendable, Equatable, Codable {
  public let numerator: UInt32
  public let denominator: UInt32

  init(numerator: UInt32, denominator: UInt32) {
    self.numerator = numerator
    self.denominator = denominator
  }

  package init(_ fraction: v4l2_fract) {
    self.init(numerator: fraction.numerator, denominator: fraction.denominator)
  }

  /// To a thousandth of a frame a second, which tells 29.97 from 30.
  /// - Precondition: `rate` is in 0...1,000,000.
  init(rate: Double) {
    self.init(numerator: 1000, denominator: UInt32(max(1, (rate * 1000).rounded())))
  }

  /// Both parts are there; drivers that know no rate leave zeros.
  var isValid: Bool { numerator > 0 && denominator > 0 }

  /// Frames a second; 0 if the fraction makes no sense.
  public var rate: Double { isValid ? Double(denominator) / Double(numerator) : 0 }

  var fraction: v4l2_fract { v4l2_fract(numerator: numerator, denominator: denominator) }
}

/// The multiple of `step` from `minimum` that is nearest to `value` and within the ends.
func nearestAllowed(_ value: Int, _ minimum: Int, _ maximum: Int, _ step: Int) -> Int {
  guard minimum < maximum else { return minimum }
  let step = max(1, step)
  let clamped = min(max(value, minimum), maximum)
  let rounded = minimum + (clamped - minimum + step / 2) / step * step
  return rounded > maximum ? rounded - step : rounded
}
