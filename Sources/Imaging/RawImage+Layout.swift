extension RawImage {
  /// Where the rows of an uncompressed image lie, checked against the bytes that are there.
  struct Layout {
    /// Bytes between rows of the only, or the luma, plane.
    var stride: Int
    /// Bytes between rows of the chroma plane or planes; 0 without such.
    var chromaStride = 0
  }

  /// - Throws: `unsupported` for sizes and strides that the format cannot have, `tooLarge` past the limits,
  ///   `truncated` where bytes are missing.
  func checkedLayout() throws(ImageError) -> Layout {
    try Picture.checkSize(width: width, height: height)
    let rowBytes: Int
    switch format {
    case .grey, .nv12, .yu12: rowBytes = width
    case .yuyv, .uyvy: rowBytes = width * 2
    case .rgb24, .bgr24, .mjpeg, .jpeg, .png: rowBytes = width * 3
    }
    let halvesHeight = format == .nv12 || format == .yu12
    let halvesWidth = halvesHeight || format == .yuyv || format == .uyvy
    guard !halvesWidth || width % 2 == 0, !halvesHeight || height % 2 == 0 else {
      throw .unsupported(
        "\(format.rawValue) of \(width) x \(height) pixels does not exist; its chroma is shared by pairs of pixels, "
          + "so the width\(halvesHeight ? " and the height" : "") must be even")
    }
    let stride = bytesPerLine == 0 ? rowBytes : bytesPerLine
    // The upper bound keeps the products below from overflowing; no driver pads a row that much.
    guard stride >= rowBytes, stride <= 16 * Picture.maximumSide else {
      throw .unsupported(
        "\(stride) bytes per line cannot be right for \(width) pixels of \(format.rawValue); "
          + "allowed are \(rowBytes)...\(16 * Picture.maximumSide)")
    }
    guard format != .yu12 || stride % 2 == 0 else {
      throw .unsupported(
        "\(stride) bytes per line cannot be halved for the chroma planes of YU12; it must be even")
    }
    // The padding after the very last row need not be there.
    let layout: Layout
    let needed: Int
    switch format {
    case .nv12:
      layout = Layout(stride: stride, chromaStride: stride)
      needed = stride * height + stride * (height / 2 - 1) + width
    case .yu12:
      layout = Layout(stride: stride, chromaStride: stride / 2)
      needed = stride * height + stride / 2 * (height - 1) + width / 2
    default:
      layout = Layout(stride: stride)
      needed = stride * (height - 1) + rowBytes
    }
    guard bytes.count >= needed else {
      throw .truncated(
        "\(format.rawValue) of \(width) x \(height) pixels needs \(needed) bytes and has \(bytes.count)")
    }
    return layout
  }
}
