import Foundation
import Imaging
import TestSupport
import Testing

@testable import struct Imaging.YCbCrConversion

@Suite("Raw camera formats")
struct RawFormatTests {
  /// The equations of BT.601, BT.709 and BT.2020 in double precision.
  ///
  /// - Parameter fractionalBits: where given, each factor is first rounded to so many, as the fast path has it.
  private func rgb(
    _ y: UInt8, _ cb: UInt8, _ cr: UInt8, _ colour: ColourEncoding, fractionalBits: Int? = nil
  ) -> [Double] {
    func factor(_ x: Double) -> Double {
      guard let fractionalBits else { return x }
      return (x * pow(2, Double(fractionalBits))).rounded() / pow(2, Double(fractionalBits))
    }
    let weights: [ColourEncoding.Matrix: (Double, Double)] = [
      .bt601: (0.299, 0.114), .bt709: (0.2126, 0.0722), .bt2020: (0.2627, 0.0593),
    ]
    let (kr, kb) = weights[colour.matrix] ?? (0, 0)
    let kg = 1 - kr - kb
    let isLimited = colour.range == .limited
    let lumaScale = isLimited ? 255.0 / 219 : 1
    let chromaScale = isLimited ? 255.0 / 224 : 1
    let luma = factor(lumaScale) * (Double(y) - (isLimited ? 16 : 0))
    let (blue, red) = (Double(cb) - 128, Double(cr) - 128)
    return [
      luma + factor(2 * (1 - kr) * chromaScale) * red,
      luma - factor(2 * (1 - kb) * kb / kg * chromaScale) * blue - factor(
        2 * (1 - kr) * kr / kg * chromaScale) * red,
      luma + factor(2 * (1 - kb) * chromaScale) * blue,
    ]
  }

  private static let encodings = ColourEncoding.Matrix.allCases.flatMap { matrix in
    ColourEncoding.Range.allCases.map { ColourEncoding(matrix: matrix, range: $0) }
  }

  @Test(
    "Every conversion is the rounded reference, and that is within a thousandth of the exact one",
    arguments: encodings)
  func conversion(colour: ColourEncoding) {
    let conversion = YCbCrConversion(colour)
    for y in stride(from: 0, through: 255, by: 15) {
      for cb in stride(from: 0, through: 255, by: 17) {
        for cr in stride(from: 0, through: 255, by: 17) {
          let (y, cb, cr) = (UInt8(y), UInt8(cb), UInt8(cr))
          let chroma = conversion.chroma(cb: cb, cr: cr)
          let result = [chroma.red, chroma.green, chroma.blue].map { conversion.sample(y, $0) }
          let reference = rgb(y, cb, cr, colour, fractionalBits: 20)
          #expect(result == reference.map { UInt8(max(0, min(255, floor($0 + 0.5)))) }, "\(y) \(cb) \(cr)")
          let exact = rgb(y, cb, cr, colour)
          #expect(zip(reference, exact).allSatisfy { abs($0 - $1) < 0.001 }, "\(y) \(cb) \(cr)")
        }
      }
    }
  }

  @Test("Full colour bars in limited range, as published")
  func colourBars() throws {
    let bars: [[UInt8]] = [
      [255, 255, 255], [255, 255, 0], [0, 255, 255], [0, 255, 0], [255, 0, 255], [255, 0, 0], [0, 0, 255],
      [0, 0, 0],
    ]
    let codes: [(ColourEncoding.Matrix, [[UInt8]])] = [
      (
        .bt601,
        [
          [235, 128, 128], [210, 16, 146], [170, 166, 16], [145, 54, 34], [106, 202, 222], [81, 90, 240],
          [41, 240, 110], [16, 128, 128],
        ]
      ),
      (
        .bt709,
        [
          [235, 128, 128], [219, 16, 138], [188, 154, 16], [173, 42, 26], [78, 214, 230], [63, 102, 240],
          [32, 240, 118], [16, 128, 128],
        ]
      ),
    ]
    for (matrix, codes) in codes {
      for (bar, code) in zip(bars, codes) {
        let image = RawImage(
          format: .yuyv, width: 2, height: 1, bytes: [code[0], code[1], code[0], code[2]],
          colour: ColourEncoding(matrix: matrix, range: .limited))
        let picture = try image.decoded().picture
        for (value, expected) in zip(picture.pixels, bar + bar) {
          #expect(abs(Int(value) - Int(expected)) <= 2, "\(matrix) \(bar) became \(picture.pixels)")
        }
      }
    }
  }

  /// A random image and, pixel by pixel, the place of its numbers by the words of the format's description.
  private func image(
    _ format: PixelFormat, width: Int, height: Int, padding: Int, colour: ColourEncoding
  ) -> (RawImage, Picture) {
    let rowBytes: Int
    switch format {
    case .yuyv, .uyvy: rowBytes = 2 * width
    case .rgb24, .bgr24: rowBytes = 3 * width
    default: rowBytes = width
    }
    let line = rowBytes + padding
    let isPlanar = format == .nv12 || format == .yu12
    var generator = SeededGenerator(seed: UInt64(width * 100 + padding))
    let count = line * height * (isPlanar ? 3 : 2) / 2
    let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        func colours(_ luma: Int, _ cb: Int, _ cr: Int) -> [UInt8] {
          rgb(bytes[luma], bytes[cb], bytes[cr], colour, fractionalBits: 20)
            .map { UInt8(max(0, min(255, floor($0 + 0.5)))) }
        }
        let row = y * line
        let chroma = height * line
        switch format {
        case .grey: pixels += [bytes[row + x], bytes[row + x], bytes[row + x]]
        case .rgb24: pixels += (0..<3).map { bytes[row + 3 * x + $0] }
        case .bgr24: pixels += (0..<3).map { bytes[row + 3 * x + 2 - $0] }
        case .yuyv: pixels += colours(row + 2 * x, row + x / 2 * 4 + 1, row + x / 2 * 4 + 3)
        case .uyvy: pixels += colours(row + 2 * x + 1, row + x / 2 * 4, row + x / 2 * 4 + 2)
        case .nv12:
          let pair = chroma + y / 2 * line + x / 2 * 2
          pixels += colours(row + x, pair, pair + 1)
        case .yu12:
          let cb = chroma + y / 2 * (line / 2) + x / 2
          pixels += colours(row + x, cb, cb + line / 2 * (height / 2))
        default: break
        }
      }
    }
    return (
      RawImage(
        format: format, width: width, height: height, bytesPerLine: padding == 0 ? 0 : line, bytes: bytes,
        colour: colour), Picture(width: width, height: height, pixels: pixels)
    )
  }

  private static let formats = PixelFormat.allCases.filter { !$0.isCompressed }

  @Test("Each byte is taken from its place, with and without padded rows", arguments: formats)
  func layout(format: PixelFormat) throws {
    for (size, padding) in zip([(2, 2), (6, 4), (10, 2), (16, 8)], [0, 6, 0, 32]) {
      let colour = Self.encodings[(size.0 + padding) % Self.encodings.count]
      let (image, expected) = image(format, width: size.0, height: size.1, padding: padding, colour: colour)
      #expect(try image.decoded() == DecodedPicture(picture: expected), "\(size), padding \(padding)")
    }
  }

  @Test("One byte too few is refused; the padding of the last row may be missing", arguments: formats)
  func shortBuffers(format: PixelFormat) throws {
    for padding in [0, 4] {
      var (image, expected) = self.image(
        format, width: 6, height: 4, padding: padding, colour: ColourEncoding())
      let line = image.bytesPerLine
      let needed: Int
      switch format {
      case .grey: needed = padding == 0 ? 24 : 3 * line + 6
      case .yuyv, .uyvy: needed = padding == 0 ? 48 : 3 * line + 12
      case .nv12: needed = padding == 0 ? 36 : 5 * line + 6
      case .yu12: needed = padding == 0 ? 36 : 4 * line + 3 * (line / 2) + 3
      default: needed = padding == 0 ? 72 : 3 * line + 18
      }
      image.bytes = Array(image.bytes.prefix(needed))
      #expect(image.bytes.count == needed)
      #expect(try image.decoded().picture == expected)
      image.bytes.removeLast()
      let error = #expect(throws: ImageError.self) { try image.decoded() }
      #expect(error?.reason == "truncated")
    }
  }

  @Test(
    "Sizes and strides that cannot be are refused",
    arguments: [
      (.yuyv, 3, 2, 0, "unsupported"), (.uyvy, 5, 2, 0, "unsupported"), (.nv12, 3, 2, 0, "unsupported"),
      (.nv12, 4, 3, 0, "unsupported"), (.yu12, 4, 3, 0, "unsupported"), (.yu12, 4, 2, 5, "unsupported"),
      (.grey, 0, 4, 0, "unsupported"), (.grey, 4, -1, 0, "unsupported"), (.grey, 4, 4, 3, "unsupported"),
      (.rgb24, 4, 4, -12, "unsupported"), (.grey, 4, 4, .max, "unsupported"),
      (.grey, .max, .max, 0, "too_large"),
      (.yuyv, 40000, 2, 0, "too_large"), (.rgb24, 20000, 20000, 0, "too_large"),
    ] as [(PixelFormat, Int, Int, Int, String)])
  func impossible(format: PixelFormat, width: Int, height: Int, bytesPerLine: Int, reason: String) {
    let image = RawImage(
      format: format, width: width, height: height, bytesPerLine: bytesPerLine,
      bytes: [UInt8](repeating: 0, count: 100))
    let error = #expect(throws: ImageError.self) { try image.decoded() }
    #expect(error?.reason == reason)
  }
}
