import CJPEG
import Imaging
import TestSupport
import Testing

@testable import enum Imaging.JPEGCodec

@Suite("JPEG")
struct JPEGTests {
  private func decode(_ bytes: [UInt8], _ format: PixelFormat = .jpeg) throws(ImageError) -> DecodedPicture {
    try RawImage(format: format, bytes: bytes).decoded()
  }

  /// The name of the error, or nil where there is none.
  private func reason(_ bytes: [UInt8]) -> String? {
    do {
      _ = try decode(bytes)
      return nil
    } catch { return error.reason }
  }

  private let scene = Picture.scene(width: 40, height: 30)

  @Test("Every warning of libjpeg is either known to lose nothing or an error")
  func warningTable() {
    let table: [(J_MESSAGE_CODE, String)] = [
      (JWRN_ADOBE_XFORM, "harmless"), (JWRN_BOGUS_ICC, "harmless"), (JWRN_EXTRANEOUS_DATA, "harmless"),
      (JWRN_JFIF_MAJOR, "harmless"), (JWRN_NOT_SEQUENTIAL, "harmless"), (JWRN_JPEG_EOF, "truncated"),
      (JWRN_HIT_MARKER, "corrupt"), (JWRN_HUFF_BAD_CODE, "corrupt"), (JWRN_ARITH_BAD_CODE, "corrupt"),
      (JWRN_MUST_RESYNC, "corrupt"), (JWRN_BOGUS_PROGRESSION, "corrupt"),
      // Only ever said to someone who writes; if it came while reading it would be unknown, so it must not pass.
      (JWRN_TOO_MUCH_DATA, "corrupt"),
    ]
    for (code, expected) in table {
      let warning = cjpeg_warning(code: Int32(code.rawValue), count: 1, largest_skip: 4)
      #expect(kind(JPEGCodec.finding(for: warning)) == expected, "\(code)")
    }
    let unknown = cjpeg_warning(code: 9999, count: 1, largest_skip: 0)
    #expect(kind(JPEGCodec.finding(for: unknown)) == "corrupt")
    let muchLeftOver = cjpeg_warning(code: Int32(JWRN_EXTRANEOUS_DATA.rawValue), count: 1, largest_skip: 257)
    #expect(kind(JPEGCodec.finding(for: muchLeftOver)) == "corrupt")
  }

  private func kind(_ finding: JPEGCodec.Finding) -> String {
    switch finding {
    case .harmless: "harmless"
    case .truncated: "truncated"
    case .corrupt: "corrupt"
    case .unsupported: "unsupported"
    }
  }

  @Test("What cameras do without harm passes, is reported, and changes no pixel")
  func harmless() throws {
    let whole = try scene.jpegData(quality: 80)
    let expected = try decode(whole)
    #expect(expected.warnings == [])
    let parts = JPEGSegments(whole)
    let end: [UInt8] = [0xFF, 0xD9]

    var padded = parts
    padded.data = parts.data.dropLast(2) + [UInt8](repeating: 0, count: 13) + end
    var stuffed = parts
    stuffed.data = parts.data.dropLast(2) + [UInt8](repeating: 0xFF, count: 5) + end
    var version = parts
    version.segments[0].content[5] = 3
    let betweenSegments = Array(whole.prefix(20)) + [1, 2, 3] + whole.dropFirst(20)

    let cases: [(String, [UInt8], [String])] = [
      ("padding before the end", padded.bytes, ["extraneous bytes before a marker"]),
      // Fill bytes are part of the standard (T.81 B.1.1.2): nothing to report.
      ("fill bytes before the end", stuffed.bytes, []),
      ("junk after the end", whole + [0, 0, 0xFF, 0xD8, 7], ["bytes after the end of the image"]),
      ("JFIF version 3", version.bytes, ["unknown JFIF version"]),
      ("junk in the header", betweenSegments, ["extraneous bytes before a marker"]),
      ("no Huffman tables", parts.without(marker: 0xC4).bytes, ["no Huffman tables, standard ones used"]),
      ("no JFIF segment", parts.without(marker: 0xE0).bytes, []),
    ]
    for (name, bytes, warnings) in cases {
      for format in [PixelFormat.jpeg, .mjpeg] {
        let decoded = try decode(bytes, format)
        #expect(decoded.picture == expected.picture, "\(name)")
        #expect(decoded.warnings == warnings, "\(name)")
      }
    }
  }

  @Test("Restart markers: padding passes, a lost or misplaced one does not")
  func restartMarkers() throws {
    let whole = SampleJPEGs.withRestartMarkers
    let expected = try decode(whole)
    #expect(expected.warnings == [])
    let parts = JPEGSegments(whole)
    let markers = parts.restartMarkers
    #expect(markers.count == 4)

    var padded = parts
    padded.data.insert(contentsOf: [0, 0], at: markers[1])
    let decoded = try decode(padded.bytes)
    #expect(decoded.picture == expected.picture)
    #expect(decoded.warnings == ["extraneous bytes before a marker"])

    var lostInterval = parts
    lostInterval.data.removeSubrange(markers[1]..<markers[2])
    #expect(reason(lostInterval.bytes) == "corrupt")
    var misplaced = parts
    misplaced.data[markers[1] + 1] = 0xD5
    #expect(reason(misplaced.bytes) == "corrupt")
    var lostMarker = parts
    lostMarker.data.removeSubrange(markers[1]..<markers[1] + 2)
    #expect(reason(lostMarker.bytes) == "corrupt")
    var emptied = parts
    emptied.data.removeSubrange(markers[1] + 2..<markers[2])
    #expect(reason(emptied.bytes) == "corrupt")
  }

  @Test("Missing data is an error with a name, never a grey bar")
  func losses() throws {
    let whole = try scene.jpegData(quality: 80)
    let parts = JPEGSegments(whole)
    var hole = parts
    hole.data.removeSubrange(100..<400)
    var impossible = parts
    impossible.data.replaceSubrange(100..<120, with: (0..<20).map { $0 % 2 == 0 ? 0xFF : 0 })
    var leftOver = parts
    leftOver.data.insert(contentsOf: [UInt8](repeating: 0x55, count: 1000), at: parts.data.count - 2)
    var noQuantisation = parts.without(marker: 0xDB)
    noQuantisation.data = parts.data
    let cases: [(String, [UInt8], String)] = [
      ("nothing", [], "truncated"),
      ("half", Array(whole.prefix(whole.count / 2)), "truncated"),
      ("no end marker", Array(whole.dropLast(2)), "truncated"),
      ("header only", Array(whole.prefix(whole.count - parts.data.count)), "truncated"),
      (
        "header only, then the end", Array(whole.prefix(whole.count - parts.data.count)) + [0xFF, 0xD9],
        "corrupt"
      ),
      ("a hole", hole.bytes, "corrupt"),
      ("impossible codes", impossible.bytes, "corrupt"),
      ("data left over", leftOver.bytes, "corrupt"),
      ("no quantisation tables", noQuantisation.bytes, "corrupt"),
      ("two pictures' headers", parts.without(marker: 0xDA).bytes, "corrupt"),
      ("not a JPEG", Array("GIF89a and more".utf8), "corrupt"),
      ("empty frame", [0xFF, 0xD8, 0xFF, 0xD9], "corrupt"),
      ("progressive, cut", Array(SampleJPEGs.progressive.dropLast(60)), "truncated"),
    ]
    for (name, bytes, expected) in cases {
      #expect(reason(bytes) == expected, "\(name)")
    }
  }

  @Test("Sound files of unsupported kinds say so")
  func unsupported() throws {
    #expect(reason(SampleJPEGs.cmyk) == "unsupported")
    let parts = JPEGSegments(try scene.jpegData(quality: 80))
    let frame = try #require(parts.segments.firstIndex { $0.marker == 0xC0 })
    var twelveBits = parts
    twelveBits.segments[frame].content[0] = 12
    #expect(reason(twelveBits.bytes) == "unsupported")
    var lossless = parts
    lossless.segments[frame].marker = 0xC3
    #expect(reason(lossless.bytes) == "unsupported")
    var noRows = parts
    noRows.segments[frame].content.replaceSubrange(1..<3, with: [0, 0])
    #expect(reason(noRows.bytes) == "unsupported")
    var bomb = parts
    bomb.segments[frame].content.replaceSubrange(1..<5, with: [0x7F, 0xFF, 0x7F, 0xFF])
    #expect(throws: ImageError.tooLarge(width: 32767, height: 32767)) { try decode(bomb.bytes) }
  }

  @Test("A progressive file cannot ask for endless passes")
  func scanBomb() throws {
    let parts = JPEGSegments(SampleJPEGs.progressive)
    // The first scan, which carries the DC coefficients, then the same refinement of nothing again and again.
    let header = Array(SampleJPEGs.progressive.prefix(SampleJPEGs.progressive.count - parts.data.count))
    let scanEnd = try #require(
      parts.data.indices.dropLast().first { parts.data[$0] == 0xFF && parts.data[$0 + 1] != 0 })
    let scan: [UInt8] =
      [0xFF, 0xDA, 0, 8] + (parts.segments.last?.content ?? []) + parts.data.prefix(scanEnd)
    let bomb = header + parts.data.prefix(scanEnd) + (0..<5000).flatMap { _ in scan } + [0xFF, 0xD9]
    #expect(reason(bomb) == "corrupt")
  }

  @Test("The announced size is checked where there is one")
  func announcedSize() throws {
    let bytes = try scene.jpegData(quality: 80)
    #expect(try RawImage(format: .mjpeg, width: 40, height: 30, bytes: bytes).decoded().picture.width == 40)
    #expect(throws: ImageError.sizeMismatch(expectedWidth: 40, expectedHeight: 32, width: 40, height: 30)) {
      try RawImage(format: .mjpeg, width: 40, height: 32, bytes: bytes).decoded()
    }
  }

  @Test("Written at high quality, read back nearly the same, whatever the shape")
  func roundTrip() throws {
    for (width, height) in [(1, 1), (7, 13), (40, 30), (64, 8)] {
      let picture = Picture.scene(width: width, height: height)
      let decoded = try decode(try picture.jpegData(quality: 100))
      #expect(decoded.warnings == [])
      #expect(decoded.picture.difference(to: picture).largest <= 4, "\(width) x \(height)")
    }
    #expect(try scene.jpegData(quality: 30).count < scene.jpegData(quality: 95).count)
    // Noise at the best quality is the longest a JPEG gets.
    let noise = Picture.noise(width: 33, height: 47, seed: 3)
    #expect(try decode(try noise.jpegData(quality: 100)).picture.difference(to: noise).largest <= 6)
    for quality in [0, 101, -5] {
      #expect(throws: ImageError.self) { try scene.jpegData(quality: quality) }
    }
  }

  @Test("Pillow reads the same from the same file", .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func pillow() throws {
    var batch = try BatchReader(oracle: "imaging_codecs")
    var counts: [PixelFormat: Int] = [:]
    while !batch.isAtEnd {
      let name = try batch.text()
      let file = try batch.blob()
      let size = try batch.numbers()
      let expected = Picture(width: size[0], height: size[1], pixels: try batch.blob())
      let format = try #require(PixelFormat(sniffing: file))
      let decoded = try decode(file, format)
      counts[format, default: 0] += 1
      #expect(decoded.picture.difference(to: expected) == (0, 0), "\(name)")
      #expect(decoded.warnings == [], "\(name)")
    }
    #expect(counts == [.jpeg: 122, .png: 90])
  }
}
