import Foundation
import Imaging
import TestSupport

/// Writes a data set of green parts whose defects are red squares.
struct MadeProduct {
  let folder: TemporaryFolder
  private let product: String

  /// - Parameter product: the folder's name.
  init(in folder: TemporaryFolder? = nil, product: String = "plate") throws {
    self.folder = try folder ?? TemporaryFolder()
    self.product = product
    for number in 0..<6 { try write(Self.part(UInt64(number)), "train/good/\(number).png") }
    for number in 0..<5 { try write(Self.part(UInt64(100 + number)), "test/good/\(number).png") }
    for number in 0..<4 {
      try write(Self.part(UInt64(200 + number), redAt: 10 * number), "test/spot/\(number).png")
      var mask = Picture(width: 70, height: 70, pixels: [UInt8](repeating: 0, count: 70 * 70 * 3))
      Self.square(&mask, at: 10 * number, (255, 255, 255))
      try write(mask, "ground_truth/spot/\(number)_mask.png")
    }
    try write(Self.part(300, redAt: 5), "test/spot_nomask/0.png")
    try write(
      Picture(width: 70, height: 70, pixels: [UInt8](repeating: 9, count: 70 * 70 * 3)),
      "test/spot_nomask/1.png")
  }

  private func write(_ picture: Picture, _ path: String) throws {
    let file = folder.url.appending(path: "\(product)/\(path)")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(try picture.pngData()).write(to: file)
  }

  private static func square(_ picture: inout Picture, at corner: Int, _ colour: (UInt8, UInt8, UInt8)) {
    for y in corner..<corner + 20 {
      for x in corner..<corner + 20 {
        let pixel = (y * 70 + x) * 3
        (picture.pixels[pixel], picture.pixels[pixel + 1], picture.pixels[pixel + 2]) = colour
      }
    }
  }

  private static func part(_ seed: UInt64, redAt corner: Int? = nil) -> Picture {
    var generator = SeededGenerator(seed: seed)
    var picture = Picture(
      width: 70, height: 70,
      pixels: (0..<70 * 70).flatMap { _ in
        [40, 150, 60].map { UInt8(clamping: $0 + Int.random(in: -20...20, using: &generator)) }
      })
    if let corner { square(&picture, at: corner, (220, 30, 30)) }
    return picture
  }
}
