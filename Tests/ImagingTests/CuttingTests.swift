import Foundation
import Imaging
import TestSupport
import Testing

@Suite("Regions of interest and masks")
struct CuttingTests {
  @Test("A cut holds the pixels under the rectangle")
  func cut() throws {
    let picture = Picture.noise(width: 9, height: 6, seed: 1)
    let part = try picture.cropped(to: PixelRect(x: 2, y: 1, width: 4, height: 5))
    #expect(part.width == 4 && part.height == 5)
    for y in 0..<5 {
      for x in 0..<4 { #expect(part[x, y] == picture[x + 2, y + 1]) }
    }
    #expect(try picture.cropped(to: PixelRect(x: 0, y: 0, width: 9, height: 6)) == picture)
  }

  @Test(
    "Rectangles outside the picture are refused",
    arguments: [
      PixelRect(x: -1, y: 0, width: 2, height: 2), PixelRect(x: 0, y: 0, width: 0, height: 2),
      PixelRect(x: 8, y: 0, width: 2, height: 2), PixelRect(x: 0, y: 5, width: 2, height: 2),
      PixelRect(x: 0, y: 6, width: 1, height: 1), PixelRect(x: 1, y: 1, width: .max, height: 1),
      PixelRect(x: .max, y: .min, width: .max, height: .max), PixelRect(x: 3, y: 3, width: 2, height: -2),
    ])
  func outside(rect: PixelRect) {
    let picture = Picture.noise(width: 9, height: 6, seed: 1)
    #expect(throws: ImageError.outside(rect, width: 9, height: 6)) { try picture.cropped(to: rect) }
  }

  @Test("Nearest resizing of masks, from its definition")
  func maskResizing() {
    var generator = SeededGenerator(seed: 6)
    let mask = Mask(width: 11, height: 5, bits: (0..<55).map { _ in Bool.random(using: &generator) })
    let large = mask.resized(width: 30, height: 3)
    for y in 0..<3 {
      for x in 0..<30 { #expect(large[x, y] == mask[x * 11 / 30, y * 5 / 3]) }
    }
    #expect(mask.resized(width: 11, height: 5) == mask)
  }

  @Test("Any value above zero belongs to the mask")
  func maskFile() throws {
    let folder = try TemporaryFolder()
    var picture = Picture(width: 3, height: 2, pixels: [UInt8](repeating: 0, count: 18))
    picture.pixels[4] = 1
    picture.pixels[17] = 255
    try Data(try picture.pngData()).write(to: folder.file("m.png"))
    let mask = try Mask(contentsOf: folder.file("m.png"))
    #expect(mask == Mask(width: 3, height: 2, bits: [false, true, false, false, false, true]))

    try Data(try picture.jpegData(quality: 90)).write(to: folder.file("m.jpg"))
    #expect(throws: ImageError.self) { try Mask(contentsOf: folder.file("m.jpg")) }
  }

  @Test("A 16-bit mask keeps its darkest labels")
  func sixteenBitMask() throws {
    let folder = try TemporaryFolder()
    // Grey, 16 bits, 3 x 1: 0, 1, 256.
    let png = SmallPNG(width: 3, height: 1, bits: 16, colourType: 0, rows: [0, 0, 0, 0, 1, 1, 0])
    try Data(png.bytes).write(to: folder.file("m.png"))
    #expect(try Mask(contentsOf: folder.file("m.png")).bits == [false, true, true])
  }

  @Test("Files that cannot be read say why")
  func unreadableFiles() throws {
    let folder = try TemporaryFolder()
    func error(_ name: String) -> ImageError? {
      do {
        _ = try Picture(contentsOf: folder.file(name))
        return nil
      } catch { return error }
    }
    #expect(error("missing.png")?.reason == "unreadable")
    #expect(error("missing.png")?.description.contains("does not exist") == true)
    #expect(error("")?.reason == "unreadable")
    try Data().write(to: folder.file("empty.png"))
    #expect(error("empty.png")?.reason == "truncated")
    try Data("GIF89a".utf8).write(to: folder.file("picture.png"))
    #expect(error("picture.png") == .unknownFormat)
    // The name does not matter.
    let picture = Picture.scene(width: 5, height: 4)
    try Data(try picture.pngData()).write(to: folder.file("picture.jpg"))
    #expect(try Picture(contentsOf: folder.file("picture.jpg")) == picture)
    try FileManager.default.createSymbolicLink(
      at: folder.file("link"), withDestinationURL: folder.file("picture.jpg"))
    #expect(try Picture(contentsOf: folder.file("link")) == picture)
  }
}
