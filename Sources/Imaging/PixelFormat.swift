/// How the bytes of an image are laid out, named by the four-character codes of the V4L2 documentation.
///
/// `png` has no such code: it never comes from a camera, only from a file.
public enum PixelFormat: String, Sendable, Codable, CaseIterable {
  /// Y'CbCr 4:2:2 packed, `Y0 Cb Y1 Cr` for each two pixels.
  case yuyv = "YUYV"
  /// Y'CbCr 4:2:2 packed, `Cb Y0 Cr Y1` for each two pixels.
  case uyvy = "UYVY"
  /// Y'CbCr 4:2:0, a luma plane, then one plane of `Cb Cr` pairs.
  case nv12 = "NV12"
  /// Y'CbCr 4:2:0, a luma plane, then a Cb plane, then a Cr plane.
  case yu12 = "YU12"
  /// One byte of brightness a pixel.
  case grey = "GREY"
  /// Three bytes a pixel: red, green, blue.
  case rgb24 = "RGB3"
  /// Three bytes a pixel: blue, green, red.
  case bgr24 = "BGR3"
  /// One JPEG a frame, possibly without its Huffman tables.
  case mjpeg = "MJPG"
  case jpeg = "JPEG"
  case png = "PNG"

  /// Whether the picture has to be decoded, so that its length in bytes says nothing about its size in pixels.
  public var isCompressed: Bool {
    switch self {
    case .mjpeg, .jpeg, .png: true
    case .yuyv, .uyvy, .nv12, .yu12, .grey, .rgb24, .bgr24: false
    }
  }

  /// The compressed format that a file with these first bytes has: `jpeg`, `png`, or nil for any other content.
  public init?(sniffing bytes: some Collection<UInt8>) {
    if bytes.starts(with: [0xFF, 0xD8]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else {
      return nil
    }
  }
}
