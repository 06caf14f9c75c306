import Foundation
import Imaging
import TestSupport
import Testing

@Suite("Rotation about the centre")
struct RotationTests {
  /// Cubic convolution from its definition, one output pixel at a time, borders by walking back and forth.
  private func reference(_ picture: Picture, degrees: Double) -> [Double] {
    func kernel(_ distance: Double) -> Double {
      let a = -0.75
      let x = abs(distance)
      if x <= 1 { return (a + 2) * pow(x, 3) - (a + 3) * pow(x, 2) + 1 }
      return x < 2 ? a * pow(x, 3) - 5 * a * pow(x, 2) + 8 * a * x - 4 * a : 0
    }
    func mirrored(_ index: Int, _ count: Int) -> Int {
      var index = index
      while index < 0 || index >= count { index = index < 0 ? -1 - index : 2 * count - 1 - index }
      return index
    }
    let angle = degrees * .pi / 180
    let (centreX, centreY) = (Double(picture.width - 1) / 2, Double(picture.height - 1) / 2)
    var values: [Double] = []
    for y in 0..<picture.height {
      for x in 0..<picture.width {
        let (dx, dy) = (Double(x) - centreX, Double(y) - centreY)
        let sx = centreX + cos(angle) * dx - sin(angle) * dy
        let sy = centreY + sin(angle) * dx + cos(angle) * dy
        var sum = [0.0, 0.0, 0.0]
        for j in Int(floor(sy)) - 1...Int(floor(sy)) + 2 {
          for i in Int(floor(sx)) - 1...Int(floor(sx)) + 2 {
            let weight = kernel(sx - Double(i)) * kernel(sy - Double(j))
            let pixel = picture[mirrored(i, picture.width), mirrored(j, picture.height)]
            for channel in 0..<3 { sum[channel] += weight * Double(pixel[channel]) }
          }
        }
        values += sum.map { max(0, min(255, $0)) }
      }
    }
    return values
  }

  @Test(
    "Equals its definition",
    arguments: [(21, 21, 45.0), (24, 24, 135), (30, 12, 33), (9, 26, -62.5), (3, 3, 45)])
  func definition(width: Int, height: Int, degrees: Double) {
    let picture = Picture.noise(width: width, height: height, seed: 3)
    let turned = picture.rotated(degrees: degrees)
    for (value, expected) in zip(turned.pixels, reference(picture, degrees: degrees)) {
      #expect(abs(Double(value) - expected) <= 0.5 + 1e-9)
    }
  }

  @Test("Quarter turns of squares only move pixels", arguments: [1, 2, 7, 16])
  func quarterTurns(side: Int) {
    let picture = Picture.noise(width: side, height: side, seed: 9)
    let turns: [(Double, (Int, Int) -> (Int, Int))] = [
      // Counter-clockwise: the top right corner comes to the top left.
      (90, { x, y in (side - 1 - y, x) }),
      (180, { x, y in (side - 1 - x, side - 1 - y) }),
      (270, { x, y in (y, side - 1 - x) }),
      (-90, { x, y in (y, side - 1 - x) }),
      (360, { x, y in (x, y) }),
      (-630, { x, y in (side - 1 - y, x) }),
    ]
    for (degrees, source) in turns {
      let turned = picture.rotated(degrees: degrees)
      for y in 0..<side {
        for x in 0..<side {
          let from = source(x, y)
          #expect(turned[x, y] == picture[from.0, from.1], "\(degrees) degrees at (\(x), \(y))")
        }
      }
    }
  }

  @Test("Half a turn of any shape only moves pixels")
  func halfTurn() {
    let picture = Picture.noise(width: 10, height: 7, seed: 5)
    let turned = picture.rotated(degrees: 180)
    for y in 0..<7 {
      for x in 0..<10 { #expect(turned[x, y] == picture[9 - x, 6 - y]) }
    }
  }

  @Test("A plain picture stays plain: no border comes in")
  func plain() {
    let picture = Picture(width: 12, height: 12, pixels: [UInt8](repeating: 77, count: 432))
    #expect(picture.rotated(degrees: 45) == picture)
  }
}
