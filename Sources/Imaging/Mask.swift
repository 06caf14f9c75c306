public import Foundation

/// Which pixels of a picture belong to something, as the ground truth of a defect says or a decision has found.
public struct Mask: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// `bits[y * width + x]`.
  public var bits: [Bool]

  /// - Precondition: both sides are at least 1 and `bits` holds `width * height` values.
  public init(width: Int, height: Int, bits: [Bool]) {
    precondition(
      width > 0 && height > 0 && bits.count == width * height,
      "A \(width) x \(height) mask needs \(width * height) bits, not \(bits.count).")
    self.width = width
    self.height = height
    self.bits = bits
  }

  /// An empty mask.
  public init(width: Int, height: Int) {
    self.init(width: width, height: height, bits: [Bool](repeating: false, count: width * height))
  }

  public subscript(x: Int, y: Int) -> Bool {
    get { bits[y * width + x] }
    set { bits[y * width + x] = newValue }
  }

  /// A mask from a PNG of any kind: every pixel that is not black belongs to it, however dark, also in 16 bits.
  ///
  /// A JPEG is refused: its ringing would make almost everything belong.
  public init(contentsOf file: URL) throws(ImageError) {
    let image = try RawImage(contentsOf: file)
    guard image.format == .png else {
      throw .unsupported("a mask must be a PNG, and \(file.lastPathComponent) is a \(image.format.rawValue)")
    }
    let decoded = try PNGCodec.decode(image, keepsSixteenBits: true)
    let bytesPerPixel = 3 * decoded.sampleBytes
    self.init(
      width: decoded.width, height: decoded.height,
      bits: (0..<decoded.width * decoded.height).map { pixel in
        decoded.samples[pixel * bytesPerPixel..<(pixel + 1) * bytesPerPixel].contains { $0 > 0 }
      })
  }

  /// The mask at another size: the output at `(x, y)` is the input at
  /// `(floor(x * width / newWidth), floor(y * height / newHeight))`.
  ///
  /// This is `nearest` of PyTorch and OpenCV. Pillow's samples pixel centres and differs.
  ///
  /// - Precondition: both sides are at least 1.
  public func resized(width newWidth: Int, height newHeight: Int) -> Mask {
    precondition(
      newWidth >= 1 && newHeight >= 1, "A mask of \(newWidth) x \(newHeight) pixels has no content.")
    let columns = (0..<newWidth).map { $0 * width / newWidth }
    var resized: [Bool] = []
    resized.reserveCapacity(newWidth * newHeight)
    for y in 0..<newHeight {
      let row = y * height / newHeight * width
      for column in columns { resized.append(bits[row + column]) }
    }
    return Mask(width: newWidth, height: newHeight, bits: resized)
  }

  /// The mask at another size as Pillow's bilinear filter makes it: an output pixel belongs to it where more than
  /// half of what the filter sees there does.
  ///
  /// - Precondition: both sides are at least 1.
  public func averaged(width newWidth: Int, height newHeight: Int) -> Mask {
    let grey = Picture(
      width: width, height: height, pixels: bits.flatMap { [UInt8](repeating: $0 ? 255 : 0, count: 3) })
    let resized = grey.resized(width: newWidth, height: newHeight, filter: .bilinear)
    return Mask(
      width: newWidth, height: newHeight,
      bits: stride(from: 0, to: resized.pixels.count, by: 3).map { resized.pixels[$0] > 127 })
  }
}
