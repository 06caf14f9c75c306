extension RawImage {
  /// RGB from one of the uncompressed formats.
  ///
  /// All reads and writes stay inside what `checkedLayout` has checked.
  func unpacked() throws(ImageError) -> Picture {
    let layout = try checkedLayout()
    let count = width * height * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      bytes.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
        for y in 0..<height {
          unpackRow(y, layout: layout, from: from, to: to + y * width * 3)
        }
      }
      initializedCount = count
    }
    return Picture(width: width, height: height, pixels: pixels)
  }

  private func unpackRow(
    _ y: Int, layout: Layout, from bytes: UnsafePointer<UInt8>, to rgb: UnsafeMutablePointer<UInt8>
  ) {
    let row = bytes + y * layout.stride
    let chroma = bytes + height * layout.stride
    switch format {
    case .grey:
      for x in 0..<width {
        rgb[3 * x] = row[x]
        rgb[3 * x + 1] = row[x]
        rgb[3 * x + 2] = row[x]
      }
    case .bgr24:
      for x in 0..<width {
        rgb[3 * x] = row[3 * x + 2]
        rgb[3 * x + 1] = row[3 * x + 1]
        rgb[3 * x + 2] = row[3 * x]
      }
    case .yuyv:
      convert(luma: row, step: 2, cb: row + 1, cr: row + 3, chromaStep: 4, to: rgb)
    case .uyvy:
      convert(luma: row + 1, step: 2, cb: row, cr: row + 2, chromaStep: 4, to: rgb)
    case .nv12:
      let pairs = chroma + y / 2 * layout.chromaStride
      convert(luma: row, step: 1, cb: pairs, cr: pairs + 1, chromaStep: 2, to: rgb)
    case .yu12:
      let cb = chroma + y / 2 * layout.chromaStride
      let cr = cb + height / 2 * layout.chromaStride
      convert(luma: row, step: 1, cb: cb, cr: cr, chromaStep: 1, to: rgb)
    case .rgb24, .mjpeg, .jpeg, .png:
      rgb.update(from: row, count: width * 3)
    }
  }

  /// One row in which two neighbours share a chroma sample; steps are in bytes.
  @inline(__always)
  private func convert(
    luma: UnsafePointer<UInt8>, step: Int, cb: UnsafePointer<UInt8>, cr: UnsafePointer<UInt8>,
    chromaStep: Int,
    to rgb: UnsafeMutablePointer<UInt8>
  ) {
    let conversion = YCbCrConversion(colour)
    for pair in 0..<width / 2 {
      let chroma = conversion.chroma(cb: cb[pair * chromaStep], cr: cr[pair * chromaStep])
      for x in 2 * pair...2 * pair + 1 {
        rgb[3 * x] = conversion.sample(luma[x * step], chroma.red)
        rgb[3 * x + 1] = conversion.sample(luma[x * step], chroma.green)
        rgb[3 * x + 2] = conversion.sample(luma[x * step], chroma.blue)
      }
    }
  }
}
