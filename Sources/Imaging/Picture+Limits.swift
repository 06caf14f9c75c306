extension Picture {
  /// The longest side that is decoded, in pixels.
  public static let maximumSide = 32_768

  /// The most pixels that are decoded: 2^26, which take 192 MiB as RGB.
  ///
  /// The header of a JPEG or PNG of some hundred bytes can announce gigabytes; it is checked against this before
  /// memory is taken. While a progressive JPEG is decoded its coefficients take up to twice as much again.
  public static let maximumPixels = 1 << 26

  /// - Throws: `unsupported` for a side below 1, `tooLarge` past the limits.
  static func checkSize(width: Int, height: Int) throws(ImageError) {
    guard width >= 1, height >= 1 else {
      throw .unsupported("a picture of \(width) x \(height) pixels has no content")
    }
    guard width <= maximumSide, height <= maximumSide, width * height <= maximumPixels else {
      throw .tooLarge(width: width, height: height)
    }
  }
}
