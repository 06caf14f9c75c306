/// A decoded picture: 8-bit RGB, interleaved, rows from top to bottom, no padding.
///
/// `pixels[(y * width + x) * 3 + channel]`, channel 0 red, 1 green, 2 blue, full range 0...255.
public struct Picture: Sendable, Equatable {
  public let width: Int
  public let height: Int
  public var pixels: [UInt8]

  /// - Precondition: both sides are at least 1 and `pixels` holds `width * height * 3` bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "A \(width) x \(height) RGB picture needs \(width * height * 3) bytes, not \(pixels.count).")
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}

/// A rectangle in whole pixels; `x` and `y` are its top left corner.
public struct PixelRect: Sendable, Hashable, Codable {
  public var x: Int
  public var y: Int
  public var width: Int
  public var height: Int

  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}
