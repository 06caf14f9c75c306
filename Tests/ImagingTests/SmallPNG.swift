/// A PNG written by hand, with stored (uncompressed) deflate blocks, for kinds and faults that libpng does not write.
struct SmallPNG {
  var width: Int
  var height: Int
  var bits: UInt8
  var colourType: UInt8
  /// Each row with its filter byte before it.
  var rows: [UInt8]
  /// Chunks between header and data, kind and content.
  var extra: [(String, [UInt8])] = []

  var bytes: [UInt8] {
    let header = Self.bigEndian(width) + Self.bigEndian(height) + [bits, colourType, 0, 0, 0]
    let count = [UInt8(rows.count & 255), UInt8(rows.count >> 8)]
    let zlib = [0x78, 0x01, 0x01] + count + count.map { ~$0 } + rows + Self.bigEndian(Self.adler32(rows))
    var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    for (kind, content) in [("IHDR", header)] + extra + [("IDAT", zlib), ("IEND", [])] {
      let body = Array(kind.utf8) + content
      bytes += Self.bigEndian(content.count) + body + Self.bigEndian(Self.crc32(body))
    }
    return bytes
  }

  private static func bigEndian(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func adler32(_ bytes: [UInt8]) -> Int {
    var (a, b) = (1, 0)
    for byte in bytes {
      a = (a + Int(byte)) % 65521
      b = (b + a) % 65521
    }
    return b << 16 | a
  }

  private static func crc32(_ bytes: [UInt8]) -> Int {
    var crc: UInt32 = .max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return Int(~crc)
  }
}
