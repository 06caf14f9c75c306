import Foundation
import Imaging
import TestSupport
import Testing

// That every kind of PNG reads as by Pillow is tested with the JPEGs, from the same batch.
@Suite("PNG")
struct PNGTests {
  private func decode(_ bytes: [UInt8]) throws(ImageError) -> DecodedPicture {
    try RawImage(format: .png, bytes: bytes).decoded()
  }

  private func reason(_ bytes: [UInt8]) -> String? {
    do {
      _ = try decode(bytes)
      return nil
    } catch { return error.reason }
  }

  @Test("Written and read back the same")
  func roundTrip() throws {
    for (width, height) in [(1, 1), (7, 13), (200, 3)] {
      let picture = Picture.noise(width: width, height: height, seed: 2)
      let decoded = try decode(try picture.pngData())
      #expect(decoded == DecodedPicture(picture: picture))
    }
    let plain = Picture(width: 300, height: 300, pixels: [UInt8](repeating: 9, count: 270_000))
    #expect(try plain.pngData().count < 3000)
  }

  @Test("Known samples of the small depths")
  func smallDepths() throws {
    let oneBit = SmallPNG(width: 3, height: 1, bits: 1, colourType: 0, rows: [0, 0b1010_0000])
    #expect(try decode(oneBit.bytes).picture.pixels == [255, 255, 255, 0, 0, 0, 255, 255, 255])
    let twoBits = SmallPNG(width: 4, height: 1, bits: 2, colourType: 0, rows: [0, 0b0001_1011])
    #expect(try decode(twoBits.bytes).picture.pixels == [0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255])
    var palette = SmallPNG(width: 2, height: 1, bits: 4, colourType: 3, rows: [0, 0x10])
    palette.extra = [("PLTE", [1, 2, 3, 200, 100, 50]), ("tRNS", [0])]
    #expect(try decode(palette.bytes).picture.pixels == [200, 100, 50, 1, 2, 3])
  }

  @Test("Gamma and text have no influence, alpha is dropped")
  func ignoredChunks() throws {
    var png = SmallPNG(
      width: 2, height: 1, bits: 8, colourType: 6, rows: [0, 10, 20, 30, 0, 40, 50, 60, 128])
    png.extra = [("gAMA", [0, 0, 0x27, 0x10]), ("tEXt", Array("Title".utf8) + [0, 65])]
    #expect(
      try decode(png.bytes)
        == DecodedPicture(picture: Picture(width: 2, height: 1, pixels: [10, 20, 30, 40, 50, 60])))
  }

  @Test("Damage is named")
  func damage() throws {
    let picture = Picture.scene(width: 20, height: 10)
    let whole = try picture.pngData()
    #expect(try decode(whole + [1, 2]).warnings == ["bytes after the end of the image"])
    #expect(reason(Array(whole.dropLast(12))) == "truncated")
    #expect(reason(Array(whole.prefix(60))) == "truncated")
    #expect(reason([]) == "truncated")
    #expect(reason(Array("GIF89a, definitely".utf8)) == "unknown_format")
    var flipped = whole
    flipped[whole.count / 2] ^= 16
    #expect(reason(flipped) == "corrupt")

    var missingRows = SmallPNG(width: 2, height: 3, bits: 8, colourType: 0, rows: [0, 1, 2, 0, 3, 4])
    #expect(reason(missingRows.bytes) == "corrupt")
    missingRows.height = 0
    #expect(reason(missingRows.bytes) == "corrupt")
    let bomb = SmallPNG(width: 30000, height: 30000, bits: 8, colourType: 2, rows: [0, 1, 2, 3])
    #expect(throws: ImageError.tooLarge(width: 30000, height: 30000)) { try decode(bomb.bytes) }
    let wide = SmallPNG(width: 40000, height: 1, bits: 8, colourType: 2, rows: [0, 1, 2, 3])
    #expect(throws: ImageError.tooLarge(width: 40000, height: 1)) { try decode(wide.bytes) }
  }

  @Test("Pillow reads what is written here", .enabled(if: Oracle.isAvailable, "\(Oracle.skipReason)"))
  func pillow() throws {
    let folder = try TemporaryFolder()
    let picture = Picture.scene(width: 61, height: 37)
    try Data(try picture.pngData()).write(to: folder.file("a"))
    let jpeg = try picture.jpegData(quality: 92)
    try Data(jpeg).write(to: folder.file("b"))
    var batch = try BatchReader(oracle: "imaging_decode", [folder.file("a").path, folder.file("b").path])
    #expect(try batch.numbers() == [61, 37])
    #expect(try batch.blob() == picture.pixels)
    #expect(try batch.numbers() == [61, 37])
    #expect(try batch.blob() == RawImage(format: .jpeg, bytes: jpeg).decoded().picture.pixels)
  }
}
