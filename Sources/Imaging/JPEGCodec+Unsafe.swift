import CJPEG

extension JPEGCodec {
  /// `cjpeg_report` with arrays and text instead of C's.
  struct DecodeReport {
    var width: Int
    var height: Int
    var components: Int
    var lacksTables: Bool
    var trailingBytes: Int
    var warnings: [cjpeg_warning]
    var error: (code: Int32, message: String)?

    init(_ report: cjpeg_report) {
      width = Int(report.width)
      height = Int(report.height)
      components = Int(report.components)
      lacksTables = report.lacks_tables != 0
      trailingBytes = report.trailing_bytes
      warnings = withUnsafeBytes(of: report.warnings) { bytes in
        Array(bytes.bindMemory(to: cjpeg_warning.self).prefix(Int(report.warning_kinds)))
      }
      if report.error != 0 {
        error = (report.error, withUnsafeBytes(of: report.message) { text(upToZero: $0) })
      }
    }
  }

  /// What decoding the header alone finds; the size is 0 x 0 where that fails.
  static func report(header bytes: [UInt8]) -> DecodeReport {
    var report = cjpeg_report()
    bytes.withUnsafeBufferPointer { cjpeg_decode($0.baseAddress, $0.count, nil, &report) }
    return DecodeReport(report)
  }

  /// The pixels are worth nothing where the report names a loss.
  static func pixels(of bytes: [UInt8], width: Int, height: Int) -> ([UInt8], DecodeReport) {
    var report = cjpeg_report()
    let count = width * height * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { pixels, initializedCount in
      bytes.withUnsafeBufferPointer { cjpeg_decode($0.baseAddress, $0.count, pixels.baseAddress, &report) }
      // After an error the rows not reached have no value yet; reading them later would be undefined.
      if report.error != 0 { pixels.update(repeating: 0) }
      initializedCount = count
    }
    return (pixels, DecodeReport(report))
  }

  static func encode(_ picture: Picture, quality: Int) throws(ImageError) -> [UInt8] {
    var report = cjpeg_report()
    let capacity = ((picture.width + 7) & ~7) * ((picture.height + 7) & ~7) * 6 + 2048
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { bytes, initializedCount in
      initializedCount = picture.pixels.withUnsafeBufferPointer { pixels in
        cjpeg_encode(
          pixels.baseAddress, Int32(picture.width), Int32(picture.height), Int32(quality), bytes.baseAddress,
          capacity, &report)
      }
    }
    if let (_, message) = DecodeReport(report).error {
      throw .unsupported("libjpeg cannot write it: \(message)")
    }
    return bytes
  }
}

/// The text in a C character array.
func text(upToZero bytes: UnsafeRawBufferPointer) -> String {
  String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
}
