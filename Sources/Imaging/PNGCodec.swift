/// PNG by libpng.
enum PNGCodec {
  static func decode(_ image: RawImage) throws(ImageError) -> DecodedPicture {
    let decoded = try decode(image, keepsSixteenBits: false)
    return DecodedPicture(
      picture: Picture(width: decoded.width, height: decoded.height, pixels: decoded.samples),
      warnings: decoded.warnings)
  }

  /// - Parameter keepsSixteenBits: whether the samples of a 16-bit file stay two bytes, the high one first.
  static func decode(_ image: RawImage, keepsSixteenBits: Bool) throws(ImageError) -> DecodedSamples {
    let bytes = image.bytes
    guard PixelFormat(sniffing: bytes) == .png else {
      throw bytes.count < 8 ? .truncated("the PNG signature is cut off") : .unknownFormat
    }
    let header = report(header: bytes)
    try check(header)
    try image.checkHeader(width: header.width, height: header.height)
    let sampleBytes = keepsSixteenBits && header.bits == 16 ? 2 : 1
    let (samples, report) = samples(
      of: bytes, count: header.width * header.height * 3 * sampleBytes, keepsSixteenBits: keepsSixteenBits)
    try check(report)
    return DecodedSamples(
      width: header.width, height: header.height, sampleBytes: sampleBytes, samples: samples,
      warnings: report.warnings)
  }

  /// Interleaved RGB.
  struct DecodedSamples {
    var width: Int
    var height: Int
    /// 1 or 2.
    var sampleBytes: Int
    var samples: [UInt8]
    var warnings: [String]
  }

  private static func check(_ report: DecodeReport) throws(ImageError) {
    guard let failure = report.failure else { return }
    throw report.hitEnd ? .truncated("the PNG data ends early") : .corrupt("libpng says \"\(failure)\"")
  }
}

extension Picture {
  /// The picture as an 8-bit RGB PNG.
  ///
  /// - Throws: `tooLarge` past the limits.
  public func pngData() throws(ImageError) -> [UInt8] {
    try Picture.checkSize(width: width, height: height)
    return try PNGCodec.encode(self)
  }
}
