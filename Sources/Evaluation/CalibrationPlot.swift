public import Foundation
public import Imaging
public import Inspection

/// The scores a threshold was chosen from, in ascending order, and the threshold over them.
public struct CalibrationPlot {
  public static let width = 640
  public static let height = 360

  private let calibration: Calibration

  public init(_ calibration: Calibration) {
    self.calibration = calibration
  }

  /// Writes the plot as PNG.
  public func write(to file: URL) throws {
    try Data(try picture().pngData()).write(to: file)
  }

  public func picture() throws -> Picture {
    let ink = Colour(red: 40, green: 40, blue: 48)
    let faint = Colour(red: 222, green: 222, blue: 228)
    let good = Colour(red: 31, green: 119, blue: 180)
    let limit = Colour(red: 200, green: 40, blue: 40)
    let canvas = try Canvas(
      width: Self.width, height: Self.height, background: Colour(red: 255, green: 255, blue: 255))
    let left = 64.0
    let right = Double(Self.width) - 16
    let top = 44.0
    let bottom = Double(Self.height) - 40

    let scores = calibration.readings.map { Double($0.score) }.sorted()
    let threshold = Double(calibration.imageLimit.value)
    let highest = max(threshold, scores.last ?? 0, 1e-6) * 1.15
    func place(_ score: Double) -> Double { bottom - score / highest * (bottom - top) }

    let step = Self.step(for: highest)
    for tick in 0...Int(highest / step) {
      let y = place(Double(tick) * step)
      canvas.line(from: (left, y), to: (right, y), width: 1, faint)
      canvas.text(
        String(format: "%.3g", Double(tick) * step), at: (left - 8, y + 4), size: 11, ink, alignment: .right)
    }
    let spacing = (right - left) / Double(scores.count + 1)
    for (rank, score) in scores.enumerated() {
      canvas.dot(
        at: (left + spacing * Double(rank + 1), place(score)), radius: min(4, max(1.5, spacing / 2)), good)
    }
    let y = place(threshold)
    canvas.line(from: (left, y), to: (right, y), width: 2, limit)
    canvas.text(
      String(format: "NG above %.4f (%@)", threshold, calibration.imageLimit.basis.rawValue),
      at: (right, y - 6), size: 12, limit,
      alignment: .right)
    canvas.text(
      String(
        format: "Scores of good parts, and the threshold for %.3g %% false alarms",
        calibration.falseAlarmRate * 100),
      at: (left, 24), size: 14, ink, limit: right - left)
    let source =
      switch calibration.evidence {
      case .heldOutPictures: "pictures that are not in the memory bank"
      case .leaveOneOut: "references, each against all others"
      case .written: "there is no reference"
      case .heldOutViews: "mean of eight views of the only reference, each against the seven others"
      }
    canvas.text("\(scores.count) in ascending order: \(source)", at: (left, bottom + 24), size: 12, ink)
    return try canvas.picture()
  }

  /// A round distance between ticks that gives about five of them.
  private static func step(for highest: Double) -> Double {
    let rough = highest / 5
    let power = pow(10, (log10(rough)).rounded(.down))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
  }
}
