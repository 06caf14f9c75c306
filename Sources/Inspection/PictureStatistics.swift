import Imaging

/// What can be said of a picture without knowing what it shows: how bright, how clipped and how sharp it is, and where
/// its masses lie. All of its luminance, 0...255 (BT.601 weights), at the size the model sees.
struct PictureStatistics {
  /// At `levels`, ascending.
  var quantiles: [Float]
  /// The fraction of pixels that are as good as white.
  var clipped: Float
  /// Energy of the Laplacian over that of the gradient: it falls steeply as edges widen, and changes neither with
  /// contrast nor with large areas that are lighter or darker than usual, as defects may be.
  var sharpness: Float
  /// Means over a grid of `side x side` cells, row by row.
  var thumbnail: [UInt8]

  static let levels: [Double] = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
  static let side = 48
  private static let white = 250

  /// - Parameter picture: at least `side` pixels wide and high, except in tests.
  init(_ picture: Picture) {
    let (width, height) = (picture.width, picture.height)
    var luminance = [UInt8](repeating: 0, count: width * height)
    var histogram = [Int](repeating: 0, count: 256)
    picture.pixels.withUnsafeBufferPointer { pixels in
      for index in luminance.indices {
        let at = index * 3
        let sum = 19595 * UInt32(pixels[at]) + 38470 * UInt32(pixels[at + 1]) + 7471 * UInt32(pixels[at + 2])
        let value = UInt8((sum + 32768) >> 16)
        luminance[index] = value
        histogram[Int(value)] += 1
      }
    }
    let count = width * height
    quantiles = Self.levels.map { level in
      let rank = max(1, Int((level * Double(count)).rounded(.up)))
      var seen = 0
      return Float(
        histogram.firstIndex { bin in
          seen += bin
          return seen >= rank
        } ?? 255)
    }
    clipped = Float(histogram[Self.white...].reduce(0, +)) / Float(count)
    sharpness = Self.sharpness(luminance, width, height)
    thumbnail = Self.thumbnail(luminance, width, height)
  }

  private static func sharpness(_ luminance: [UInt8], _ width: Int, _ height: Int) -> Float {
    guard width > 2, height > 2 else { return 0 }
    var (laplacians, gradients) = (0, 0)
    luminance.withUnsafeBufferPointer { pixels in
      for y in 1..<height - 1 {
        for x in 1..<width - 1 {
          let at = y * width + x
          let (left, right) = (Int32(pixels[at - 1]), Int32(pixels[at + 1]))
          let (above, below) = (Int32(pixels[at - width]), Int32(pixels[at + width]))
          let laplacian = 4 * Int32(pixels[at]) - left - right - above - below
          laplacians += Int(laplacian * laplacian)
          gradients += Int((right - left) * (right - left) + (below - above) * (below - above))
        }
      }
    }
    // Differences over two pixels: half of them is the gradient.
    return Float(4 * Double(laplacians) / Double(max(gradients, 1)))
  }

  private static func thumbnail(_ luminance: [UInt8], _ width: Int, _ height: Int) -> [UInt8] {
    var sums = [Int](repeating: 0, count: side * side)
    var counts = [Int](repeating: 0, count: side * side)
    for y in 0..<height {
      let row = y * side / height * side
      for x in 0..<width {
        let cell = row + x * side / width
        sums[cell] += Int(luminance[y * width + x])
        counts[cell] += 1
      }
    }
    return zip(sums, counts).map { $1 == 0 ? 0 : UInt8($0 / $1) }
  }
}
