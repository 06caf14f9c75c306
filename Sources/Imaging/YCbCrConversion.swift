/// From one pixel's Y'CbCr to RGB, in fixed point with 20 fractional bits.
///
/// With `Kr` and `Kb` the weights of red and blue in luma, `Kg = 1 - Kr - Kb`, and luma and chroma scaled to the
/// full range:
///
///     R = Y                              + 2 (1 - Kr) Cr
///     G = Y - 2 (1 - Kb) Kb / Kg Cb      - 2 (1 - Kr) Kr / Kg Cr
///     B = Y + 2 (1 - Kb) Cb
///
/// Each factor is rounded to a multiple of 2^-20, the sum to the nearest whole number (halves upwards) and then
/// clamped to 0...255. The sums stay below 2^31.
struct YCbCrConversion {
  static let fractionalBits: Int32 = 20

  let black: Int32
  let luma: Int32
  let redFromCr: Int32
  let greenFromCb: Int32
  let greenFromCr: Int32
  let blueFromCb: Int32

  init(_ colour: ColourEncoding) {
    let (kr, kb) =
      switch colour.matrix {
      case .bt601: (0.299, 0.114)
      case .bt709: (0.2126, 0.0722)
      case .bt2020: (0.2627, 0.0593)
      }
    let (lumaScale, chromaScale) =
      switch colour.range {
      case .limited: (255.0 / 219, 255.0 / 224)
      case .full: (1.0, 1.0)
      }
    func fixed(_ factor: Double) -> Int32 {
      Int32((factor * Double(1 << Self.fractionalBits)).rounded())
    }
    let kg = 1 - kr - kb
    black = colour.range == .limited ? 16 : 0
    luma = fixed(lumaScale)
    redFromCr = fixed(2 * (1 - kr) * chromaScale)
    greenFromCb = fixed(2 * (1 - kb) * kb / kg * chromaScale)
    greenFromCr = fixed(2 * (1 - kr) * kr / kg * chromaScale)
    blueFromCb = fixed(2 * (1 - kb) * chromaScale)
  }

  /// What one chroma sample adds to red, green and blue, with the half that rounds to nearest.
  @inline(__always)
  func chroma(cb: UInt8, cr: UInt8) -> (red: Int32, green: Int32, blue: Int32) {
    let half: Int32 = 1 << (Self.fractionalBits - 1)
    let cb = Int32(cb) &- 128
    let cr = Int32(cr) &- 128
    return (
      half &+ redFromCr &* cr, half &- greenFromCb &* cb &- greenFromCr &* cr, half &+ blueFromCb &* cb
    )
  }

  /// One channel of a pixel.
  @inline(__always)
  func sample(_ y: UInt8, _ chroma: Int32) -> UInt8 {
    let value = (luma &* (Int32(y) &- black) &+ chroma) >> Self.fractionalBits
    return UInt8(truncatingIfNeeded: max(0, min(255, value)))
  }
}
