import CPNG

extension PNGCodec {
  /// `cpng_report` with text instead of C's.
  struct DecodeReport {
    var width: Int
    var height: Int
    var bits: Int
    var hitEnd: Bool
    var warnings: [String]
    var failure: String?

    init(_ report: cpng_report) {
      width = Int(report.width)
      height = Int(report.height)
      bits = Int(report.bits)
      hitEnd = report.hit_end != 0
      failure = report.failed == 0 ? nil : withUnsafeBytes(of: report.message) { text(upToZero: $0) }
      warnings = report.warnings == 0 ? [] : [withUnsafeBytes(of: report.warning) { text(upToZero: $0) }]
      if report.trailing_bytes > 0 { warnings.append("bytes after the end of the image") }
    }
  }

  static func report(header bytes: [UInt8]) -> DecodeReport {
    var report = cpng_report()
    bytes.withUnsafeBufferPointer { cpng_decode($0.baseAddress, $0.count, 0, nil, &report) }
    return DecodeReport(report)
  }

  /// The samples are worth nothing where the report names a failure.
  static func samples(of bytes: [UInt8], count: Int, keepsSixteenBits: Bool) -> ([UInt8], DecodeReport) {
    var report = cpng_report()
    let samples = [UInt8](unsafeUninitializedCapacity: count) { samples, initializedCount in
      bytes.withUnsafeBufferPointer {
        cpng_decode($0.baseAddress, $0.count, keepsSixteenBits ? 1 : 0, samples.baseAddress, &report)
      }
      // After a failure the rows not reached have no value yet; reading them later would be undefined.
      if report.failed != 0 { samples.update(repeating: 0) }
      initializedCount = count
    }
    return (samples, DecodeReport(report))
  }

  /// By libpng's simplified interface, which handles its own errors; writing 8-bit RGB it changes no value.
  static func encode(_ picture: Picture) throws(ImageError) -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    image.width = png_uint_32(picture.width)
    image.height = png_uint_32(picture.height)
    image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    // Deflate grows what it cannot shrink by less than a thousandth; chunk heads and a filter byte a row come on top.
    let rawSize = picture.pixels.count + picture.height
    let capacity = rawSize + rawSize / 256 + 4096
    var size = png_alloc_size_t(capacity)
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { bytes, initializedCount in
      let written = picture.pixels.withUnsafeBufferPointer { pixels in
        png_image_write_to_memory(&image, bytes.baseAddress, &size, 0, pixels.baseAddress, 0, nil)
      }
      initializedCount = written == 0 ? 0 : Int(size)
    }
    guard !bytes.isEmpty else {
      throw .unsupported(
        "libpng cannot write it: \(withUnsafeBytes(of: image.message) { text(upToZero: $0) })")
    }
    return bytes
  }
}
