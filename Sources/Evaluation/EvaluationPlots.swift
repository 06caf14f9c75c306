import Foundation
import Imaging
import Inspection

/// Plots of an evaluation as SVG; colours come from the page's style.
enum EvaluationPlots {
  /// The plotting area of all figures.
  private static let (left, right, top, bottom) = (46.0, 352.0, 34.0, 218.0)

  private static func figure(_ title: String, _ content: String) -> String {
    "<figure><svg viewBox=\"0 0 366 256\" role=\"img\" aria-label=\"\(escaped(title))\">"
      + "<text class=\"title\" x=\"14\" y=\"20\">\(escaped(title))</text>\(content)</svg></figure>"
  }

  /// Image ROC, a line for each draw.
  static func imageCurves(_ draws: [ProductResult]) -> String {
    let curves = draws.compactMap(\.image)
    guard !curves.isEmpty else { return "" }
    let mean = curves.reduce(0) { $0 + $1.auroc } / Double(curves.count)
    return figure(
      "Images: ROC, area \(EvaluationTables.percent(mean))",
      unitAxes(x: "false alarms of good parts", y: "recall")
        + curves.map { line($0.curve, "good") }.joined())
  }

  /// Pixel ROC and region overlap, a line each for each draw; empty without ground truth.
  static func pixelCurves(_ draws: [ProductResult]) -> String {
    let pixels = draws.compactMap(\.pixel)
    let overlaps = draws.compactMap(\.overlap)
    guard !pixels.isEmpty, !overlaps.isEmpty else { return "" }
    let auroc = pixels.reduce(0) { $0 + $1.auroc } / Double(pixels.count)
    let aupro = overlaps.reduce(0) { $0 + $1.exact } / Double(overlaps.count)
    let shade = left + RegionOverlap.rateLimit * (right - left)
    return figure(
      "Pixels: ROC and region overlap",
      "<rect class=\"shade\" x=\"\(left)\" y=\"\(top)\" width=\"\(number(shade - left))\" height=\"\(bottom - top)\"/>"
        + unitAxes(x: "defect-free pixels above the threshold", y: "found")
        + pixels.map { line($0.curve, "good") }.joined() + overlaps.map { line($0.curve, "bad") }.joined()
        + key("ROC, area \(EvaluationTables.percent(auroc))", "good", y: bottom - 30)
        + key("region overlap, area to 0.3 \(EvaluationTables.percent(aupro))", "bad", y: bottom - 13))
  }

  /// Scores of good and defective parts, and the threshold.
  static func histogram(_ result: ProductResult) -> String {
    let scores = result.outcomes.compactMap { outcome in
      outcome.score.map { (score: Double($0), isGood: outcome.sample.isGood) }
    }
    let threshold = Double(result.calibration.imageLimit.value)
    guard let lowest = scores.map(\.score).min(), let highest = scores.map(\.score).max(),
      lowest.isFinite, highest.isFinite
    else { return "" }
    let from = min(lowest, threshold)
    let span = max(max(highest, threshold) - from, 1e-9) * 1.02
    let bins = 32
    var counts = [[0, 0]] + [[Int]](repeating: [0, 0], count: bins - 1)
    for (score, isGood) in scores {
      counts[min(bins - 1, Int((score - from) / span * Double(bins)))][isGood ? 0 : 1] += 1
    }
    let tallest = counts.flatMap(\.self).max() ?? 1
    let step = tick(for: Double(max(tallest, 4)), about: 4)
    let ceiling = (Double(max(tallest, 4)) / step).rounded(.up) * step
    func x(_ score: Double) -> Double { left + (score - from) / span * (right - left) }
    func y(_ count: Double) -> Double { bottom - count / ceiling * (bottom - top - 16) }

    var content = ""
    for value in stride(from: 0, through: ceiling, by: step) {
      content +=
        "<line class=\"grid\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(number(y(value)))\" y2=\"\(number(y(value)))\"/>"
        + text(String(format: "%g", value), x: left - 6, y: y(value) + 4, anchor: "end")
    }
    let scoreStep = tick(for: span, about: 5)
    for value in stride(
      from: (from / scoreStep).rounded(.up) * scoreStep, through: from + span, by: scoreStep)
    {
      content += text(String(format: "%.3g", value), x: x(value), y: bottom + 15, anchor: "middle")
    }
    let width = (right - left) / Double(bins)
    for (kind, name) in ["good", "bad"].enumerated() {
      for (bin, count) in counts.enumerated() where count[kind] > 0 {
        let height = bottom - y(Double(count[kind]))
        content +=
          "<rect class=\"\(name)\" x=\"\(number(left + Double(bin) * width))\" y=\"\(number(bottom - height))\" "
          + "width=\"\(number(width))\" height=\"\(number(height))\"/>"
      }
    }
    let limit = number(x(threshold))
    let isLeft = x(threshold) < (left + right) / 2
    content +=
      "<line class=\"limit\" x1=\"\(limit)\" x2=\"\(limit)\" y1=\"\(top)\" y2=\"\(bottom)\"/>"
      + text(
        String(format: "NG above %.3f", threshold), x: x(threshold) + (isLeft ? 6 : -6), y: top + 9,
        anchor: isLeft ? "start" : "end")
      + text("score of the picture", x: (left + right) / 2, y: bottom + 32, anchor: "middle")
      + key("\(scores.count { $0.isGood }) good", "good", x: right - 158, y: 16)
      + key("\(scores.count { !$0.isGood }) defective", "bad", x: right - 88, y: 16)
    return figure("Scores", content)
  }

  /// The colours of a score map, the lowest score first.
  static var legend: String {
    let stops = (0...8).map { step in
      let colour = HeatMap.colour(Double(step) / 8)
      return "rgb(\(colour.red) \(colour.green) \(colour.blue))"
    }
    return
      "<span class=\"legend\" style=\"background:linear-gradient(90deg,\(stops.joined(separator: ",")))\"></span>"
  }

  /// Axes from 0 to 1.
  private static func unitAxes(x: String, y: String) -> String {
    var content = ""
    for step in 0...4 {
      let value = Double(step) / 4
      let across = number(left + value * (right - left))
      let up = bottom - value * (bottom - top)
      content +=
        "<line class=\"grid\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(number(up))\" y2=\"\(number(up))\"/>"
        + "<line class=\"grid\" x1=\"\(across)\" x2=\"\(across)\" y1=\"\(top)\" y2=\"\(bottom)\"/>"
        + text(String(format: "%g", value), x: left - 6, y: up + 4, anchor: "end")
        + text(
          String(format: "%g", value), x: left + value * (right - left), y: bottom + 15, anchor: "middle")
    }
    return content + text(x, x: (left + right) / 2, y: bottom + 32, anchor: "middle")
      + "<text transform=\"translate(13 \((top + bottom) / 2)) rotate(-90)\" text-anchor=\"middle\">\(escaped(y))</text>"
  }

  private static func line(_ curve: RateCurve, _ name: String) -> String {
    let points = curve.points.map { point in
      number(left + point.rate * (right - left)) + "," + number(bottom - point.value * (bottom - top))
    }
    return "<polyline class=\"\(name)\" points=\"\(points.joined(separator: " "))\"/>"
  }

  private static func key(_ label: String, _ name: String, x: Double = right - 196, y: Double) -> String {
    "<rect class=\"\(name)\" x=\"\(number(x))\" y=\"\(number(y - 5))\" width=\"9\" height=\"9\"/>"
      + text(label, x: x + 14, y: y + 4, anchor: "start")
  }

  private static func text(_ text: String, x: Double, y: Double, anchor: String) -> String {
    "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(escaped(text))</text>"
  }

  private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

  /// A round distance between ticks that gives about so many of them.
  static func tick(for range: Double, about count: Double) -> Double {
    let rough = range / count
    let power = pow(10, log10(rough).rounded(.down))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
  }
}
