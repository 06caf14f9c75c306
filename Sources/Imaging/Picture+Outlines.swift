/// A position in a picture; `(0, 0)` is the centre of the top left pixel, so whole numbers are pixel centres.
public struct PixelPoint: Sendable, Hashable, Codable {
  public var x: Double
  public var y: Double

  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }
}

extension Picture {
  /// Draws the closed outline of a polygon: every pixel whose centre is at most half the thickness away from an
  /// edge. What lies outside the picture is cut off; a single point becomes a dot.
  ///
  /// - Parameters:
  ///   - polygon: its corners in order; the last is joined to the first. Points that are not finite are left out.
  ///   - thickness: in pixels; less than 1 is taken as 1, which gives unbroken lines.
  public mutating func drawOutline(of polygon: [PixelPoint], colour: Colour, thickness: Double = 1) {
    let corners = polygon.filter { $0.x.isFinite && $0.y.isFinite }
    for (index, corner) in corners.enumerated() {
      drawSegment(from: corner, to: corners[(index + 1) % corners.count], colour, max(1, thickness) / 2)
    }
  }

  /// Draws the border of a rectangle, inside it. What lies outside the picture is cut off.
  ///
  /// - Parameter thickness: in pixels; less than 1 is taken as 1.
  public mutating func drawOutline(of rect: PixelRect, colour: Colour, thickness: Int = 1) {
    let thickness = max(1, thickness)
    for y in 0..<height where y >= rect.y && y - rect.y < rect.height {
      let isBar = y - rect.y < thickness || rect.height - (y - rect.y) <= thickness
      for x in 0..<width where x >= rect.x && x - rect.x < rect.width {
        if isBar || x - rect.x < thickness || rect.width - (x - rect.x) <= thickness { set(x, y, colour) }
      }
    }
  }

  private mutating func drawSegment(from a: PixelPoint, to b: PixelPoint, _ colour: Colour, _ reach: Double) {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = dx * dx + dy * dy
    for y in Self.span(min(a.y, b.y) - reach, max(a.y, b.y) + reach, limit: height) {
      for x in Self.span(min(a.x, b.x) - reach, max(a.x, b.x) + reach, limit: width) {
        let (px, py) = (Double(x) - a.x, Double(y) - a.y)
        let along = length == 0 ? 0 : max(0, min(1, (px * dx + py * dy) / length))
        let (offX, offY) = (px - along * dx, py - along * dy)
        if offX * offX + offY * offY <= reach * reach { set(x, y, colour) }
      }
    }
  }

  /// The whole numbers from `low` to `high` that are also in `0..<limit`.
  private static func span(_ low: Double, _ high: Double, limit: Int) -> Range<Int> {
    let first = Int(max(0, min(Double(limit), low.rounded(.up))))
    let last = Int(max(-1, min(Double(limit - 1), high.rounded(.down))))
    return first..<max(first, last + 1)
  }

  private mutating func set(_ x: Int, _ y: Int, _ colour: Colour) {
    let at = (y * width + x) * 3
    pixels[at] = colour.red
    pixels[at + 1] = colour.green
    pixels[at + 2] = colour.blue
  }
}
