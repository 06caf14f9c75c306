public import Compute
import Foundation

/// Score maps laid over pictures.
public enum HeatMap {
  /// The picture with a score map glowing through it.
  ///
  /// The scale is the caller's, fixed once for a recipe: scaled to each map's own range, the map of a perfect part
  /// would glow as brightly as that of a broken one. Scores up to `low` leave the picture as it is; from there the
  /// colour grows lighter and more opaque up to `high`, and stays so beyond.
  ///
  /// - Parameters:
  ///   - map: scores, `rows x columns` of any size, covering the whole picture; a NaN counts as `low`.
  ///   - low: the score from which on something shows, for example the highest usual score of a good part.
  ///   - high: the score that is shown brightest; above `low`.
  ///   - opacity: of the brightest colour, 0...1.
  /// - Precondition: the map is not empty, `low < high`, and the opacity is in its range.
  public static func overlay(
    picture: Picture, map: Matrix, low: Float = 0, high: Float = 1, opacity: Float = 0.6
  ) -> Picture {
    precondition(
      low.isFinite && high.isFinite && low < high,
      "A heat map needs a scale with low < high, not \(low)...\(high).")
    precondition((0...1).contains(opacity), "An opacity is in 0...1, not \(opacity).")
    let scores = map.upsampled(rows: picture.height, columns: picture.width)
    let table = colours(steps: steps)
    var result = picture
    for (pixel, score) in scores.values.enumerated() {
      // NaN fails this comparison too.
      guard score > low else { continue }
      let level = min((score - low) / (high - low), 1)
      let colour = table[Int(level * Float(steps - 1) + 0.5)]
      let alpha = level * opacity
      for channel in 0..<3 {
        let at = pixel * 3 + channel
        let under = Float(picture.pixels[at])
        result.pixels[at] = UInt8(under + alpha * (Float(colour[channel]) - under) + 0.5)
      }
    }
    return result
  }

  private static let steps = 256

  /// Dark violet over red and orange to light yellow, for legends: evenly growing lightness, so that brighter always
  /// means more, also in print and to the colour-blind.
  ///
  /// - Parameter level: 0...1; beyond is taken as the nearer end.
  public static func colour(_ level: Double) -> Colour {
    let level = max(0, min(1, level))
    // In OKLCH, with chroma 0.2 where possible.
    let lightness = 0.25 + 0.70 * level
    let hue = (300 + 170 * level) * .pi / 180
    // The screen cannot show that much colour everywhere; where it cannot, colour gives way, never lightness.
    var shown = Colour(okLightness: lightness, a: 0, b: 0)
    var (chroma, tooMuch) = (0.0, 0.2)
    for _ in 0..<10 {
      let middle = (chroma + tooMuch) / 2
      if let colour = Colour(okLightness: lightness, a: middle * cos(hue), b: middle * sin(hue)) {
        (chroma, shown) = (middle, colour)
      } else {
        tooMuch = middle
      }
    }
    return shown ?? Colour(red: 0, green: 0, blue: 0)
  }

  private static func colours(steps: Int) -> [SIMD3<UInt8>] {
    (0..<steps).map { step in
      let colour = colour(Double(step) / Double(steps - 1))
      return SIMD3(colour.red, colour.green, colour.blue)
    }
  }
}
