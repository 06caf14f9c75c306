/// Why an image could not be read, written or cut.
///
/// The texts name the fault and what is allowed; whoever knows which camera or file it was adds that.
public enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read at all; the text says why.
  case unreadable(String)
  /// The bytes begin neither like a JPEG nor like a PNG.
  case unknownFormat
  /// Data ends before the picture does.
  case truncated(String)
  /// All bytes may be there, but what they say cannot be the picture that was sent.
  case corrupt(String)
  /// A sound image or request of a kind that this program does not handle.
  case unsupported(String)
  /// More pixels than `Picture.maximumSide` and `Picture.maximumPixels` allow.
  case tooLarge(width: Int, height: Int)
  /// The size inside a compressed image is not the one its source announced.
  case sizeMismatch(expectedWidth: Int, expectedHeight: Int, width: Int, height: Int)
  /// A rectangle that is empty or not wholly inside the picture.
  case outside(PixelRect, width: Int, height: Int)

  /// A short word that never changes: the name of the counter for this kind of fault.
  public var reason: String {
    switch self {
    case .unreadable: "unreadable"
    case .unknownFormat: "unknown_format"
    case .truncated: "truncated"
    case .corrupt: "corrupt"
    case .unsupported: "unsupported"
    case .tooLarge: "too_large"
    case .sizeMismatch: "size_mismatch"
    case .outside: "outside"
    }
  }

  public var description: String {
    switch self {
    case .unreadable(let why):
      "The image cannot be read: \(why)."
    case .unknownFormat:
      "The image is neither a JPEG nor a PNG."
    case .truncated(let detail):
      "The image is incomplete: \(detail)."
    case .corrupt(let detail):
      "The image is damaged: \(detail)."
    case .unsupported(let detail):
      "The image cannot be handled: \(detail)."
    case .tooLarge(let width, let height):
      "The image of \(width) x \(height) pixels is too large: a side has at most \(Picture.maximumSide) pixels "
        + "and the whole at most \(Picture.maximumPixels)."
    case .sizeMismatch(let expectedWidth, let expectedHeight, let width, let height):
      "The image has \(width) x \(height) pixels, but its source announced \(expectedWidth) x \(expectedHeight)."
    case .outside(let rect, let width, let height):
      "The rectangle of \(rect.width) x \(rect.height) pixels at (\(rect.x), \(rect.y)) is not inside the picture "
        + "of \(width) x \(height) pixels: choose x in 0...\(max(0, width - 1)) and y in 0...\(max(0, height - 1)), "
        + "at least 1 pixel each way."
    }
  }
}
