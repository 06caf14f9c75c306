extension Picture {
  /// The picture scaled to another size, the same bits as Pillow (before 13) gives for `Image.resize`.
  ///
  /// Rows first, rounded to 8 bits, then columns. The shape is not kept: both sides are scaled as asked.
  ///
  /// - Precondition: both sides are at least 1.
  public func resized(width newWidth: Int, height newHeight: Int, filter: ResamplingFilter) -> Picture {
    precondition(
      newWidth >= 1 && newHeight >= 1, "A picture of \(newWidth) x \(newHeight) pixels has no content.")
    if newWidth == width, newHeight == height { return self }
    // An axis that keeps its length gets weights of exactly 1 and 0, so it needs no case of its own.
    let horizontal = ResamplingCoefficients(from: width, to: newWidth, filter: filter)
    let vertical = ResamplingCoefficients(from: height, to: newHeight, filter: filter)
    let columns = Self.resampledAndTransposed(pixels, rows: height, columns: width, horizontal)
    let rows = Self.resampledAndTransposed(columns, rows: newWidth, columns: height, vertical)
    return Picture(width: newWidth, height: newHeight, pixels: rows)
  }
}
