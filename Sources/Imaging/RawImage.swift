/// How YCbCr samples become RGB. Formats that hold RGB or a JPEG stream ignore it; `.grey` uses the range only.
public struct ColourEncoding: Sendable, Equatable, Codable {
  /// The luma coefficients.
  public enum Matrix: String, Sendable, Codable {
    case bt601, bt709, bt2020
  }

  /// What the 8-bit codes span.
  public enum Range: String, Sendable, Codable {
    /// 0...255 for luma and chroma, as in JFIF.
    case full
    /// 16...235 for luma, 16...240 for chroma, as in ITU-R BT.601, BT.709 and BT.2020.
    case limited
  }

  public var matrix: Matrix
  public var range: Range

  public init(matrix: Matrix, range: Range) {
    self.matrix = matrix
    self.range = range
  }
}

/// A picture as a frame source delivers it: not decoded yet.
public struct RawImage: Sendable {
  public var format: PixelFormat
  /// In pixels; 0 = unknown, which only compressed formats may say.
  public var width: Int
  /// In pixels; 0 = unknown, which only compressed formats may say.
  public var height: Int
  /// Bytes from one row of the first plane to the next; 0 = packed, without padding. The chroma planes of `.nv12`
  /// have the same stride and those of `.yu12` half of it, as V4L2 lays them out.
  public var bytesPerLine: Int
  public var bytes: [UInt8]
  public var colour: ColourEncoding

  public init(
    format: PixelFormat, width: Int, height: Int, bytesPerLine: Int = 0, bytes: [UInt8],
    colour: ColourEncoding = ColourEncoding(matrix: .bt601, range: .limited)
  ) {
    self.format = format
    self.width = width
    self.height = height
    self.bytesPerLine = bytesPerLine
    self.bytes = bytes
    self.colour = colour
  }
}
