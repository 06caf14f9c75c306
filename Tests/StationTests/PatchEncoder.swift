import Compute
import Foundation
import Imaging
import Inspection
import Station
import Synchronization
import TestSupport
import Transformer

/// An encoder small enough to understand: a patch's token holds the colour it has and how it changes, so that a
/// picture with a blot is far from one without. It can be told to take its time or to hang.
final class PatchEncoder: ImageEncoder {
  let configuration = ImageTowerConfiguration(
    patchSize: 14, width: 16, depth: 4, heads: 2, mlpWidth: 32, activation: .gelu, layerNormEpsilon: 1e-6,
    hasPreNorm: false, gridRows: 4, gridColumns: 4, positionInterpolation: .bicubic, embeddingWidth: nil,
    mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
  let modelHash: String
  private let delay: Duration
  private let hanging = Mutex(false)
  private let hangingOnDefects = Mutex(false)
  private let hung = Mutex(false)
  private let calls = Mutex(0)

  init(modelHash: String = String(repeating: "a", count: 64), delay: Duration = .zero) {
    self.modelHash = modelHash
    self.delay = delay
  }

  var callCount: Int { calls.withLock { $0 } }

  func resetCallCount() { calls.withLock { $0 = 0 } }

  /// Makes every call from now on wait until this is taken back.
  func hang(_ isHanging: Bool) { hanging.withLock { $0 = isHanging } }

  /// The same for pictures of a defective part only.
  func hangOnDefects(_ isHanging: Bool) { hangingOnDefects.withLock { $0 = isHanging } }

  var isHangingOnDefect: Bool { hung.withLock { $0 } }

  func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens {
    calls.withLock { $0 += 1 }
    if delay > .zero { usleep(UInt32(delay / .microseconds(1))) }
    while hanging.withLock({ $0 }) { usleep(1000) }
    let isDefective = picture.pixels[(28 * picture.width + 28) * 3] < 100
    while isDefective && hangingOnDefects.withLock({ $0 }) {
      hung.withLock { $0 = true }
      usleep(1000)
    }
    let side = configuration.patchSize
    let (rows, columns) = (picture.height / side, picture.width / side)
    var tokens = Matrix(rows: rows * columns, columns: configuration.width)
    for row in 0..<rows {
      for column in 0..<columns {
        var sums = [Float](repeating: 0, count: 9)
        for y in 0..<side {
          for x in 0..<side {
            let at = ((row * side + y) * picture.width + column * side + x) * 3
            for channel in 0..<3 {
              let value = Float(picture.pixels[at + channel]) / 255
              sums[channel] += value
              sums[3 + channel] += value * Float(x - side / 2) / Float(side)
              sums[6 + channel] += value * Float(y - side / 2) / Float(side)
            }
          }
        }
        for (index, sum) in sums.enumerated() {
          tokens[row * columns + column, index] = sum / Float(side * side) - (index < 3 ? 0.4 : 0)
        }
        tokens[row * columns + column, 9] = 0.05
      }
    }
    return PatchTokens(
      gridRows: rows, gridColumns: columns, features: taps.map { _ in tokens },
      classTokens: taps.map { _ in Matrix(rows: 1, columns: configuration.width) })
  }

  var engine: InspectionEngine {
    InspectionEngine(encoder: self, search: .reference, instructionSet: "test")
  }
}

/// Pictures of a part: a bright bar on a dark ground, with grain; a defective one has a blot.
enum Parts {
  static let side = 56

  static func picture(seed: UInt64, isDefective: Bool = false) -> Picture {
    var generator = SeededGenerator(seed: seed)
    var pixels: [UInt8] = []
    for y in 0..<side {
      for x in 0..<side {
        let isBar = (18..<38).contains(y)
        let isBlot = isDefective && (20..<34).contains(x) && (22..<36).contains(y)
        let grain = Int(generator.next() % 9)
        let colour: [Int] = isBlot ? [40, 10, 90] : isBar ? [200, 180, 150] : [60, 70, 80]
        pixels += colour.map { UInt8($0 + grain) }
      }
    }
    return Picture(width: side, height: side, pixels: pixels)
  }

  /// As a camera delivers it.
  static func raw(seed: UInt64, isDefective: Bool = false) -> RawImage {
    let picture = picture(seed: seed, isDefective: isDefective)
    return RawImage(format: .rgb24, width: side, height: side, bytes: picture.pixels)
  }
}
