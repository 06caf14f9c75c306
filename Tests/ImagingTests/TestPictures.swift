import Imaging
import TestSupport

extension Picture {
  /// Smooth colours with hard edges and a little noise.
  static func scene(width: Int, height: Int, seed: UInt64 = 1) -> Picture {
    var generator = SeededGenerator(seed: seed)
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        let isEdge = (x / 7 + y / 5) % 4 == 0
        let noise = Int.random(in: -6...6, using: &generator)
        for value in [x * 255 / width, y * 255 / height, isEdge ? 250 : 30] {
          pixels.append(UInt8(max(0, min(255, value + noise))))
        }
      }
    }
    return Picture(width: width, height: height, pixels: pixels)
  }

  static func noise(width: Int, height: Int, seed: UInt64) -> Picture {
    var generator = SeededGenerator(seed: seed)
    return Picture(
      width: width, height: height,
      pixels: (0..<width * height * 3).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  subscript(x: Int, y: Int) -> [UInt8] { Array(pixels[(y * width + x) * 3..<(y * width + x) * 3 + 3]) }

  /// The largest difference in any channel, and how many numbers differ.
  func difference(to other: Picture) -> (largest: Int, count: Int) {
    guard width == other.width, height == other.height else { return (256, pixels.count) }
    let differences = zip(pixels, other.pixels).map { abs(Int($0) - Int($1)) }
    return (differences.max() ?? 0, differences.count { $0 > 0 })
  }
}
