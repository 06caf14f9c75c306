import Compute
import Imaging
import Inspection
import TestSupport
import Transformer

/// A stand-in for a vision transformer: each patch's mean colour and contrast through a fixed random projection.
///
/// Like the real one it is deterministic, local and smooth; unlike it, it costs nothing.
struct ColourEncoder: ImageEncoder {
  static let width = 32
  var modelHash = String(repeating: "a", count: 64)

  /// Channels of projected taps; nil for a model without a text tower.
  var embeddingWidth: Int?

  var configuration: ImageTowerConfiguration {
    ImageTowerConfiguration(
      patchSize: 14, width: Self.width, depth: 4, heads: 2, mlpWidth: 8, activation: .gelu,
      layerNormEpsilon: 1e-6, hasPreNorm: false, gridRows: 4, gridColumns: 4, positionInterpolation: .bicubic,
      embeddingWidth: embeddingWidth, mean: [0, 0, 0], standardDeviation: [1, 1, 1])
  }

  func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens {
    let patch = configuration.patchSize
    guard picture.width % patch == 0, picture.height % patch == 0 else {
      throw .pictureSize(width: picture.width, height: picture.height, patchSize: patch)
    }
    let rows = picture.height / patch
    let columns = picture.width / patch
    var statistics = Matrix(rows: rows * columns, columns: 7)
    for row in 0..<rows {
      for column in 0..<columns {
        var sums = [Float](repeating: 0, count: 6)
        for y in row * patch..<(row + 1) * patch {
          for x in column * patch..<(column + 1) * patch {
            for channel in 0..<3 {
              let value = Float(picture.pixels[(y * picture.width + x) * 3 + channel]) / 255
              sums[channel] += value
              sums[3 + channel] += value * value
            }
          }
        }
        let count = Float(patch * patch)
        for channel in 0..<3 {
          let mean = sums[channel] / count
          statistics[row * columns + column, channel] = mean
          statistics[row * columns + column, 3 + channel] =
            max(0, sums[3 + channel] / count - mean * mean).squareRoot() * 2
        }
        statistics[row * columns + column, 6] = 0.3
      }
    }
    let tokens = taps.map { tap in
      statistics.multiplied(
        byTransposeOf: Self.projection(block: tap.block, width: configuration.width(at: tap)))
    }
    return PatchTokens(
      gridRows: rows, gridColumns: columns,
      features: zip(tokens, taps).map { $1.classTokenOnly ? Matrix(rows: 0, columns: $0.columns) : $0 },
      classTokens: tokens.map { $0.mean })
  }

  private static func projection(block: Int, width: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(block))
    return Matrix(
      rows: width, columns: 7,
      values: (0..<width * 7).map { _ in Float.random(in: -1...1, using: &generator) })
  }
}

extension Matrix {
  /// The mean of the rows, one row.
  var mean: Matrix {
    var mean = Matrix(rows: 1, columns: columns)
    for row in 0..<rows { for column in 0..<columns { mean[0, column] += self[row, column] / Float(rows) } }
    return mean
  }
}

/// Options for which a test takes milliseconds.
extension ScoringOptions {
  static func small(views: ReferenceViews = .one, taps: [TokenTap] = [TokenTap(block: 2)]) -> ScoringOptions {
    ScoringOptions(inputWidth: 84, inputHeight: 70, taps: taps, views: views, imageScore: .topFraction(0.05))
  }
}

/// Pictures of a made-up part: a tinted gradient with a little noise.
enum Part {
  static func good(seed: UInt64, width: Int = 84, height: Int = 70) -> Picture {
    var generator = SeededGenerator(seed: seed)
    let tint = Int.random(in: -6...6, using: &generator)
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        let noise = Int.random(in: -8...8, using: &generator)
        pixels.append(UInt8(clamping: 60 + 120 * x / width + tint + noise))
        pixels.append(UInt8(clamping: 70 + 90 * y / height + tint + noise))
        pixels.append(UInt8(clamping: 120 + noise))
      }
    }
    return Picture(width: width, height: height, pixels: pixels)
  }

  /// A good part with a rectangle of another colour.
  static func defective(seed: UInt64, at rect: PixelRect, width: Int = 84, height: Int = 70) -> Picture {
    var picture = good(seed: seed, width: width, height: height)
    for y in rect.y..<rect.y + rect.height {
      for x in rect.x..<rect.x + rect.width {
        picture.pixels[(y * width + x) * 3] = 250
        picture.pixels[(y * width + x) * 3 + 1] = 10
        picture.pixels[(y * width + x) * 3 + 2] = 10
      }
    }
    return picture
  }

  static func references(_ count: Int) -> [Reference] {
    (0..<count).map { Reference(name: "good-\($0).png", picture: good(seed: UInt64($0))) }
  }
}
