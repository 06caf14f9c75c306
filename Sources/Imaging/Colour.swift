import Foundation

/// An sRGB colour.
public struct Colour: Sendable, Hashable {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// A colour of OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020); nil where sRGB cannot
  /// show it.
  init?(okLightness lightness: Double, a: Double, b: Double) {
    func cube(_ x: Double) -> Double { x * x * x }
    let long = cube(lightness + 0.3963377774 * a + 0.2158037573 * b)
    let medium = cube(lightness - 0.1055613458 * a - 0.0638541728 * b)
    let short = cube(lightness - 0.0894841775 * a - 1.2914855480 * b)
    let linear = [
      4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
      -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
      -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    ]
    guard linear.allSatisfy({ (0...1).contains($0) }) else { return nil }
    // IEC 61966-2-1.
    let encoded = linear.map { $0 <= 0.0031308 ? 12.92 * $0 : 1.055 * pow($0, 1 / 2.4) - 0.055 }
    let bytes = encoded.map { UInt8(255 * $0 + 0.5) }
    self.init(red: bytes[0], green: bytes[1], blue: bytes[2])
  }
}
