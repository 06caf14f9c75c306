import Compute
import Foundation
import Imaging
import TestSupport
import Testing

@Suite("Heat maps and outlines")
struct DrawingTests {
  private let grey = Picture(width: 32, height: 24, pixels: [UInt8](repeating: 100, count: 32 * 24 * 3))

  /// CIE 1976 lightness.
  private func lightness(_ colour: Colour) -> Double {
    func linear(_ byte: UInt8) -> Double {
      let x = Double(byte) / 255
      return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4)
    }
    let luminance = 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue)
    return luminance > 0.008856 ? 116 * cbrt(luminance) - 16 : 903.3 * luminance
  }

  @Test("Colours grow lighter from end to end, in even steps")
  func colourOrder() {
    let lightnesses = (0...64).map { lightness(HeatMap.colour(Double($0) / 64)) }
    for (lower, upper) in zip(lightnesses, lightnesses.dropFirst()) {
      #expect(upper > lower && upper - lower < 3)
    }
    #expect(lightnesses[0] < 20 && lightnesses[64] > 85)
  }

  @Test("A map below the scale leaves the picture untouched")
  func quietMap() {
    var map = Matrix(rows: 6, columns: 8, values: (0..<48).map { Float($0) / 480 })
    map[0, 0] = -5
    #expect(HeatMap.overlay(picture: grey, map: map, low: 0.1, high: 0.5) == grey)
    map[3, 3] = .nan
    #expect(HeatMap.overlay(picture: grey, map: map, low: 0.1, high: 0.5) == grey)
  }

  @Test("The scale is the caller's: the same score has the same colour in every map")
  func fixedScale() {
    let quiet = Matrix(rows: 24, columns: 32, values: [Float](repeating: 0.3, count: 768))
    var loud = quiet
    for column in 16..<32 { for row in 0..<24 { loud[row, column] = 7 } }
    let first = HeatMap.overlay(picture: grey, map: quiet, low: 0.2, high: 1)
    let second = HeatMap.overlay(picture: grey, map: loud, low: 0.2, high: 1)
    #expect(first[3, 3] == second[3, 3])
    #expect(first[3, 3] != grey[3, 3])
    // Beyond the scale it is as at its end.
    let end = HeatMap.overlay(
      picture: grey, map: Matrix(rows: 1, columns: 1, values: [1]), low: 0.2, high: 1, opacity: 1)
    let brightest = HeatMap.colour(1)
    #expect(end[0, 0] == [brightest.red, brightest.green, brightest.blue])
  }

  @Test("A hot cell glows where it is")
  func place() {
    var map = Matrix(rows: 6, columns: 8)
    map[1, 6] = 1
    let result = HeatMap.overlay(picture: grey, map: map, low: 0, high: 1)
    #expect(result[26, 6] != grey[26, 6])
    for x in 0..<20 { for y in 0..<24 { #expect(result[x, y] == grey[x, y]) } }
  }

  private let red = Colour(red: 255, green: 0, blue: 0)

  private func drawn(_ draw: (inout Picture) -> Void) -> Set<[Int]> {
    var picture = grey
    draw(&picture)
    return Set(
      (0..<24).flatMap { y in (0..<32).map { [$0, y] } }.filter { picture[$0[0], $0[1]] == [255, 0, 0] })
  }

  @Test("A rectangle's border lies inside it")
  func rectangle() {
    let pixels = drawn {
      $0.drawOutline(of: PixelRect(x: 4, y: 5, width: 10, height: 8), colour: red, thickness: 2)
    }
    for y in 0..<24 {
      for x in 0..<32 {
        let isInside = (4..<14).contains(x) && (5..<13).contains(y)
        let isCore = (6..<12).contains(x) && (7..<11).contains(y)
        #expect(pixels.contains([x, y]) == (isInside && !isCore))
      }
    }
    #expect(
      drawn { $0.drawOutline(of: PixelRect(x: -3, y: -3, width: 5, height: 5), colour: red) }.count == 3)
    #expect(
      drawn { $0.drawOutline(of: PixelRect(x: .min, y: .max, width: .max, height: 5), colour: red) }.isEmpty)
    #expect(drawn { $0.drawOutline(of: PixelRect(x: 3, y: 3, width: 0, height: -2), colour: red) }.isEmpty)
  }

  @Test("A polygon's outline is closed, as thick as asked, and cut off at the border")
  func polygon() {
    let square = [
      PixelPoint(x: 5, y: 5), PixelPoint(x: 15, y: 5), PixelPoint(x: 15, y: 15), PixelPoint(x: 5, y: 15),
    ]
    let thin = drawn { $0.drawOutline(of: square, colour: red) }
    #expect(thin.count == 40)
    #expect(thin.allSatisfy { [5, 15].contains($0[0]) || [5, 15].contains($0[1]) })
    let thick = drawn { $0.drawOutline(of: square, colour: red, thickness: 3) }
    #expect(thick.isSuperset(of: thin) && thick.contains([10, 4]) && thick.contains([10, 6]))
    #expect(!thick.contains([10, 7]) && !thick.contains([10, 3]) && !thick.contains([10, 10]))

    // An unbroken line at every slope: each column of a flat line has a pixel.
    let slanted = drawn {
      $0.drawOutline(of: [PixelPoint(x: 2, y: 3), PixelPoint(x: 30, y: 10.4)], colour: red)
    }
    #expect(Set(slanted.map { $0[0] }) == Set(2...30))
    #expect(drawn { $0.drawOutline(of: [PixelPoint(x: 7, y: 8)], colour: red) } == [[7, 8]])
    #expect(drawn { $0.drawOutline(of: [], colour: red) }.isEmpty)
    let far = [PixelPoint(x: -1e300, y: 4), PixelPoint(x: 1e300, y: 4), PixelPoint(x: .nan, y: 0)]
    #expect(drawn { $0.drawOutline(of: far, colour: red) }.allSatisfy { $0[1] == 4 })
  }
}
