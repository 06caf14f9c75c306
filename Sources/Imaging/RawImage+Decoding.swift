extension RawImage {
  /// The picture as RGB.
  ///
  /// - JPEG and Motion JPEG as libjpeg-turbo decodes them by default (accurate integer DCT, smooth chroma
  ///   upsampling), which is what Pillow shows. Greyscale becomes RGB; CMYK is refused. An orientation noted in
  ///   Exif and embedded colour profiles are not applied.
  /// - PNG of every kind; alpha is dropped, 16-bit samples keep their high byte, gamma is not applied.
  /// - Y'CbCr with the matrix and range in `colour`, rounded to nearest. Each chroma sample holds for its whole
  ///   block of 2 x 1 or 2 x 2 pixels; those formats need even sizes.
  /// - Grey, RGB and BGR bytes as they are.
  ///
  /// An image that lacks data is never returned with the gap filled: it is an error. What a decoder merely frowns
  /// at is in `DecodedPicture.warnings`.
  public func decoded() throws(ImageError) -> DecodedPicture {
    switch format {
    case .mjpeg, .jpeg: try JPEGCodec.decode(self)
    case .png: try PNGCodec.decode(self)
    case .yuyv, .uyvy, .nv12, .yu12, .grey, .rgb24, .bgr24: DecodedPicture(picture: try unpacked())
    }
  }

  /// Checks the size that stands in the header of a compressed image, before memory is taken for its pixels.
  func checkHeader(width headerWidth: Int, height headerHeight: Int) throws(ImageError) {
    guard width == 0 || width == headerWidth, height == 0 || height == headerHeight else {
      throw .sizeMismatch(
        expectedWidth: width, expectedHeight: height, width: headerWidth, height: headerHeight)
    }
    try Picture.checkSize(width: headerWidth, height: headerHeight)
  }
}
