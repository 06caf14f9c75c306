public import Foundation
public import Imaging
import Inspection

/// A page of pictures in titled rows, each with a caption and a coloured frame.
public struct ContactSheet {
  public struct Cell: Sendable {
    public var picture: Picture
    /// Shown below the picture, one line each; at most two.
    public var caption: [String]
    public var frame: Colour

    public init(picture: Picture, caption: [String], frame: Colour) {
      self.picture = picture
      self.caption = caption
      self.frame = frame
    }
  }

  public struct Section: Sendable {
    public var title: String
    public var cells: [Cell]

    public init(title: String, cells: [Cell]) {
      self.title = title
      self.cells = cells
    }
  }

  public var title: String
  public var sections: [Section]
  /// Cells in a row; longer sections take several rows.
  public var columns: Int

  public static let green = Colour(red: 46, green: 140, blue: 70)
  public static let red = Colour(red: 200, green: 40, blue: 40)

  public init(title: String, sections: [Section], columns: Int = 6) {
    self.title = title
    self.sections = sections
    self.columns = max(1, columns)
  }

  private static let cell = 200
  private static let gap = 14
  private static let captionHeight = 40
  private static let titleHeight = 44
  private static let sectionHeight = 30

  /// Writes the sheet; JPEG where the name ends in `.jpg` or `.jpeg`, PNG otherwise.
  public func write(to file: URL) throws {
    let sheet = try picture()
    let isJPEG = ["jpg", "jpeg"].contains(file.pathExtension.lowercased())
    try Data(isJPEG ? try sheet.jpegData(quality: 88) : try sheet.pngData()).write(to: file)
  }

  public func picture() throws -> Picture {
    let ink = Colour(red: 40, green: 40, blue: 48)
    let rowHeight = Self.cell + Self.captionHeight + Self.gap
    let heights = sections.map { section in
      section.cells.isEmpty ? Self.sectionHeight : (section.cells.count + columns - 1) / columns * rowHeight
    }
    let width = columns * (Self.cell + Self.gap) + Self.gap
    let canvas = try Canvas(
      width: width,
      height: Self.titleHeight + heights.reduce(0) { $0 + Self.sectionHeight + $1 } + Self.gap,
      background: Colour(red: 250, green: 250, blue: 250))
    canvas.text(
      title, at: (Double(Self.gap), 30), size: 20, ink, limit: Double(width - 2 * Self.gap))
    var y = Self.titleHeight
    for (section, height) in zip(sections, heights) {
      canvas.text(section.title, at: (Double(Self.gap), Double(y + 20)), size: 15, ink)
      y += Self.sectionHeight
      if section.cells.isEmpty {
        canvas.text("none", at: (Double(Self.gap), Double(y + 20)), size: 13, ink)
      }
      for (index, cell) in section.cells.enumerated() {
        draw(
          cell, on: canvas, x: Self.gap + index % columns * (Self.cell + Self.gap),
          y: y + index / columns * rowHeight, ink)
      }
      y += height
    }
    return try canvas.picture()
  }

  private func draw(_ cell: Cell, on canvas: Canvas, x: Int, y: Int, _ ink: Colour) {
    let border = 4
    let side = Self.cell - 2 * border
    // The whole picture, as large as fits, in the middle of its cell.
    let scale = Double(side) / Double(max(cell.picture.width, cell.picture.height))
    let width = max(1, Int((Double(cell.picture.width) * scale).rounded()))
    let height = max(1, Int((Double(cell.picture.height) * scale).rounded()))
    canvas.fill(PixelRect(x: x, y: y, width: Self.cell, height: Self.cell), cell.frame)
    canvas.draw(
      cell.picture.resized(width: width, height: height, filter: .bicubic),
      x: x + border + (side - width) / 2, y: y + border + (side - height) / 2)
    for (line, text) in cell.caption.prefix(2).enumerated() {
      canvas.text(
        text, at: (Double(x), Double(y + Self.cell + 15 + line * 16)), size: 12, ink, limit: Double(Self.cell)
      )
    }
  }
}
