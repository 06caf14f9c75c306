public import Imaging

/// The way from positions on a score map to positions on the sensor: a scale and a shift each way, no rotation.
///
/// Positions are continuous and count from the corner of the first pixel: pixel (0, 0) covers 0 to 1 on both axes.
/// In the notation of image processing it is the matrix `[scaleX 0 offsetX; 0 scaleY offsetY]`.
public struct AffineMap: Sendable, Equatable, Codable {
  /// Sensor pixels a map pixel.
  public var scaleX: Double
  public var scaleY: Double
  /// The sensor position of the map's top left corner, in sensor pixels.
  public var offsetX: Double
  public var offsetY: Double

  private enum CodingKeys: String, CodingKey {
    case scaleX = "scale_x"
    case scaleY = "scale_y"
    case offsetX = "offset_x"
    case offsetY = "offset_y"
  }

  public init(scaleX: Double, scaleY: Double, offsetX: Double, offsetY: Double) {
    self.scaleX = scaleX
    self.scaleY = scaleY
    self.offsetX = offsetX
    self.offsetY = offsetY
  }

  /// For a map of `width x height` that shows the region of interest of a sensor.
  public init(mapWidth: Int, mapHeight: Int, of region: PixelRect) {
    self.init(
      scaleX: Double(region.width) / Double(mapWidth), scaleY: Double(region.height) / Double(mapHeight),
      offsetX: Double(region.x), offsetY: Double(region.y))
  }

  func sensor(_ x: Double, _ y: Double) -> SensorPoint {
    SensorPoint(x: x * scaleX + offsetX, y: y * scaleY + offsetY)
  }

  /// Sensor pixels in one map pixel.
  var area: Double { scaleX * scaleY }
}

/// A position on the sensor in continuous pixel coordinates: pixel (0, 0) covers 0 to 1 on both axes.
public struct SensorPoint: Sendable, Hashable, Codable {
  public var x: Double
  public var y: Double

  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }
}
