extension Picture {
  /// The part of the picture under a rectangle.
  ///
  /// - Throws: `outside` for a rectangle that is empty or reaches beyond the picture.
  public func cropped(to rect: PixelRect) throws(ImageError) -> Picture {
    guard rect.width >= 1, rect.height >= 1, rect.x >= 0, rect.y >= 0,
      rect.x < width, rect.y < height, rect.width <= width - rect.x, rect.height <= height - rect.y
    else {
      throw .outside(rect, width: width, height: height)
    }
    if rect.width == width, rect.height == height { return self }
    var cut: [UInt8] = []
    cut.reserveCapacity(rect.width * rect.height * 3)
    for y in rect.y..<rect.y + rect.height {
      let start = (y * width + rect.x) * 3
      cut += pixels[start..<start + rect.width * 3]
    }
    return Picture(width: rect.width, height: rect.height, pixels: cut)
  }
}
