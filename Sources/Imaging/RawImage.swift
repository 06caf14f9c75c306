/// An image as a frame source delivers it, not yet decoded.
public struct RawImage: Sendable, Equatable {
  public var format: PixelFormat
  /// Width in pixels. For the compressed formats 0 means unknown; any other value is checked when decoding.
  public var width: Int
  /// Height in pixels, as `width`.
  public var height: Int
  /// Bytes from the start of one row to the start of the next, 0 for rows without padding.
  ///
  /// As V4L2 has it: for planar formats it is that of the luma plane; the chroma rows of `nv12` are as far apart,
  /// those of `yu12` half as far. Ignored for the compressed formats.
  public var bytesPerLine: Int
  /// Bytes beyond those the picture needs are ignored: drivers round buffers up to whole memory pages.
  public var bytes: [UInt8]
  public var colour: ColourEncoding

  public init(
    format: PixelFormat, width: Int = 0, height: Int = 0, bytesPerLine: Int = 0, bytes: [UInt8],
    colour: ColourEncoding = ColourEncoding()
  ) {
    self.format = format
    self.width = width
    self.height = height
    self.bytesPerLine = bytesPerLine
    self.bytes = bytes
    self.colour = colour
  }
}

/// A picture, and what its decoder complained about without losing any of it.
public struct DecodedPicture: Sendable, Equatable {
  public var picture: Picture
  /// One short phrase for each kind of harmless defect, for example junk after the end of a JPEG.
  public var warnings: [String]

  public init(picture: Picture, warnings: [String] = []) {
    self.picture = picture
    self.warnings = warnings
  }
}
