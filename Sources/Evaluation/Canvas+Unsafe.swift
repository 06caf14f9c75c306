import CCairo
import Imaging

/// A picture that shapes and text are drawn on, by cairo. Coordinates are pixels, (0, 0) is the top left corner.
final class Canvas {
  enum Alignment: Double {
    case left = 0
    case centre = 0.5
    case right = 1
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let width: Int
  let height: Int
  private let surface: OpaquePointer
  private let context: OpaquePointer

  /// - Throws: `Failure` where cairo cannot make a surface of that size.
  init(width: Int, height: Int, background: Colour) throws(Failure) {
    guard let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height)),
      let context = cairo_create(surface)
    else { throw Failure(description: "cairo delivered no surface.") }
    self.width = width
    self.height = height
    self.surface = surface
    self.context = context
    try check()
    cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL)
    fill(PixelRect(x: 0, y: 0, width: width, height: height), background)
  }

  deinit {
    cairo_destroy(context)
    cairo_surface_destroy(surface)
  }

  private func check() throws(Failure) {
    let status = cairo_status(context)
    guard status == CAIRO_STATUS_SUCCESS else {
      throw Failure(description: "cairo cannot draw: \(String(cString: cairo_status_to_string(status))).")
    }
  }

  private func setColour(_ colour: Colour) {
    cairo_set_source_rgb(
      context, Double(colour.red) / 255, Double(colour.green) / 255, Double(colour.blue) / 255)
  }

  func fill(_ rect: PixelRect, _ colour: Colour) {
    setColour(colour)
    cairo_rectangle(context, Double(rect.x), Double(rect.y), Double(rect.width), Double(rect.height))
    cairo_fill(context)
  }

  func line(
    from start: (x: Double, y: Double), to end: (x: Double, y: Double), width: Double, _ colour: Colour
  ) {
    setColour(colour)
    cairo_set_line_width(context, width)
    cairo_move_to(context, start.x, start.y)
    cairo_line_to(context, end.x, end.y)
    cairo_stroke(context)
  }

  func dot(at centre: (x: Double, y: Double), radius: Double, _ colour: Colour) {
    setColour(colour)
    cairo_arc(context, centre.x, centre.y, radius, 0, 2 * .pi)
    cairo_fill(context)
  }

  /// Width of a text in pixels.
  func measure(_ text: String, size: Double) -> Double {
    cairo_set_font_size(context, size)
    var extents = cairo_text_extents_t()
    cairo_text_extents(context, text, &extents)
    return extents.x_advance
  }

  /// Draws one line of text on its baseline; it is cut with an ellipsis where it is wider than `limit`.
  func text(
    _ text: String, at position: (x: Double, y: Double), size: Double, _ colour: Colour,
    alignment: Alignment = .left, limit: Double = .infinity
  ) {
    // cairo stops at the first byte that is not UTF-8 or is NUL, and refuses all drawing from then on.
    var shown = String(text.map { $0.isNewline || $0 == "\0" ? " " : $0 })
    while measure(shown, size: size) > limit, shown.count > 1 { shown = shown.dropLast(2) + "\u{2026}" }
    setColour(colour)
    cairo_move_to(context, position.x - alignment.rawValue * measure(shown, size: size), position.y)
    cairo_show_text(context, shown)
  }

  /// Copies a picture to a place; what lies outside the canvas is cut off.
  func draw(_ picture: Picture, x: Int, y: Int) {
    cairo_surface_flush(surface)
    guard let data = cairo_image_surface_get_data(surface) else { return }
    let stride = Int(cairo_image_surface_get_stride(surface))
    for row in max(0, -y)..<max(0, -y, min(picture.height, height - y)) {
      for column in max(0, -x)..<max(0, -x, min(picture.width, width - x)) {
        let from = (row * picture.width + column) * 3
        let colour =
          UInt32(picture.pixels[from]) << 16 | UInt32(picture.pixels[from + 1]) << 8
          | UInt32(picture.pixels[from + 2])
        UnsafeMutableRawPointer(data).storeBytes(
          of: colour, toByteOffset: (y + row) * stride + (x + column) * 4, as: UInt32.self)
      }
    }
    cairo_surface_mark_dirty(surface)
  }

  /// What was drawn.
  func picture() throws(Failure) -> Picture {
    try check()
    cairo_surface_flush(surface)
    guard let data = cairo_image_surface_get_data(surface) else {
      throw Failure(description: "cairo delivered no pixels.")
    }
    let stride = Int(cairo_image_surface_get_stride(surface))
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        let colour = UnsafeRawPointer(data).load(fromByteOffset: y * stride + x * 4, as: UInt32.self)
        pixels.append(UInt8(truncatingIfNeeded: colour >> 16))
        pixels.append(UInt8(truncatingIfNeeded: colour >> 8))
        pixels.append(UInt8(truncatingIfNeeded: colour))
      }
    }
    return Picture(width: width, height: height, pixels: pixels)
  }
}
