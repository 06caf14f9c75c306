/// How the bytes of a `RawImage` hold a picture. The raw value is V4L2's four-character code.
public enum PixelFormat: String, Sendable, Codable, CaseIterable {
  /// 4:2:2, packed: Y0 Cb Y1 Cr.
  case yuyv = "YUYV"
  /// 4:2:2, packed: Cb Y0 Cr Y1.
  case uyvy = "UYVY"
  /// 4:2:0: a plane of Y, then a plane of interleaved Cb Cr of half the height.
  case nv12 = "NV12"
  /// 4:2:0: a plane of Y, then one of Cb, then one of Cr, each chroma plane with half the width and height.
  case yu12 = "YU12"
  /// 8-bit luminance.
  case grey = "GREY"
  /// 8 bits each: R G B.
  case rgb24 = "RGB3"
  /// 8 bits each: B G R.
  case bgr24 = "BGR3"
  /// One JPEG picture a frame, possibly without Huffman tables: as UVC cameras send it.
  case mjpeg = "MJPG"
  /// One complete JFIF or Exif file.
  case jpeg = "JPEG"
  /// One PNG file. Only from files: no V4L2 device delivers it, and V4L2 has no code for it.
  case png = "PNG"

  /// Whether the bytes are a compressed stream, whose size says nothing about the picture's.
  public var isCompressed: Bool {
    switch self {
    case .mjpeg, .jpeg, .png: true
    case .yuyv, .uyvy, .nv12, .yu12, .grey, .rgb24, .bgr24: false
    }
  }
}
