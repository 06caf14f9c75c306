import Imaging

/// A buffer of a camera that promised 64 x 48, and the same bytes as a picture of any size.
enum FuzzedFrame {
  /// Larger pictures are only looked at: decoding one takes as long as it has pixels, whoever made it.
  private static let pixels = 1 << 18

  static func run(_ bytes: [UInt8]) -> Bool {
    let frame = RawImage(format: .mjpeg, width: 64, height: 48, bytes: bytes)
    do {
      let decoded = try frame.decoded()
      return decoded.picture.pixels.count == 64 * 48 * 3
    } catch .sizeMismatch(_, _, let width, let height) where width * height <= pixels {
      guard let decoded = try? RawImage(format: .jpeg, bytes: bytes).decoded() else { return false }
      return decoded.picture.pixels.count == width * height * 3
    } catch {
      return error.description.isEmpty
    }
  }
}
