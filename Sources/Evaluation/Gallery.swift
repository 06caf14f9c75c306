import Compute
import Foundation
import Imaging
import Inspection

/// The worst and the clearest cases of a product: picture, map and ground truth side by side.
struct Gallery {
  /// Cases of each kind at most.
  static let each = 6
  /// The longer side of a tile in pixels.
  private static let side = 208

  /// In the order they are shown.
  let groups: [(title: String, outcomes: [Outcome])]
  /// One scale for all maps of the product, so that brighter means more everywhere: from what only a twentieth of a good
  /// part exceeds to the peak of a defective one, both in the median. A recipe's own scale knows good parts only and would
  /// leave dark what was missed.
  private let scale: (low: Float, high: Float)

  init(of result: ProductResult) {
    func sorted(good: Bool) -> [Outcome] {
      result.outcomes.filter { $0.score != nil && $0.sample.isGood == good }
        .sorted { ($0.score ?? 0) < ($1.score ?? 0) }
    }
    let defective = sorted(good: false)
    let good = sorted(good: true)
    func median(_ outcomes: [Outcome], quantile: Double) -> Float? {
      let values = outcomes.compactMap { outcome in
        outcome.patchScores.map { $0.values.sorted()[Int(quantile * Double($0.values.count - 1))] }
      }.sorted()
      return values.isEmpty ? nil : values[values.count / 2]
    }
    let calibrated = result.calibration.heatMap
    let low = median(good, quantile: 0.95) ?? calibrated.low
    scale = (low, max(median(defective, quantile: 1) ?? calibrated.high, low * 1.1, low + 0.001))
    let hardest = defective.prefix(Self.each)
    let suspicious = good.suffix(Self.each).reversed()
    groups = [
      ("Hardest: defects with the lowest scores", Array(hardest)),
      ("Hardest: good parts with the highest scores", Array(suspicious)),
      (
        "Clearest: defects with the highest scores",
        Array(defective.dropFirst(hardest.count).suffix(Self.each).reversed())
      ),
      (
        "Clearest: good parts with the lowest scores",
        Array(good.dropLast(suspicious.count).prefix(Self.each / 2))
      ),
    ].filter { !$0.1.isEmpty }
  }

  func html() throws -> String {
    try groups.map { title, outcomes in
      "<h3>\(escaped(title))</h3>\n<div class=\"cases\">\n"
        + (try outcomes.map(card).joined(separator: "\n")) + "\n</div>"
    }.joined(separator: "\n")
  }

  private func card(_ outcome: Outcome) throws -> String {
    let isWrong = (outcome.verdict == .ng) == outcome.sample.isGood
    let picture = try Picture(contentsOf: outcome.sample.file)
    let shrink = Double(Self.side) / Double(max(picture.width, picture.height))
    let tile = picture.resized(
      width: max(1, Int((Double(picture.width) * shrink).rounded())),
      height: max(1, Int((Double(picture.height) * shrink).rounded())), filter: .bicubic)
    var map = tile
    if let scores = outcome.patchScores {
      let side = (Double(tile.width) * Double(tile.height)).squareRoot()
      map = HeatMap.overlay(
        picture: tile,
        map: scores.upsampled(rows: tile.height, columns: tile.width).smoothed(sigma: 0.015 * side),
        low: scale.low, high: scale.high)
    }
    let truth =
      if let mask = outcome.sample.mask {
        try image(Self.marked(tile, try Mask(contentsOf: mask)), "ground truth")
      } else {
        "<i style=\"aspect-ratio:\(tile.width)/\(tile.height)\">\(outcome.sample.isGood ? "good part" : "no ground truth")</i>"
      }
    let verdict = "\(outcome.verdict.rawValue)\(isWrong ? " (wrong)" : "")"
    return "<div class=\"case\(isWrong ? " wrong" : "")\"><div class=\"tiles\">"
      + (try image(tile, "picture")) + (try image(map, "score map")) + truth
      + "</div><p><b>\(escaped(outcome.sample.defect ?? "good"))</b> "
      + "\(escaped(outcome.sample.file.lastPathComponent)) <span>score \(String(format: "%.3f", outcome.score ?? 0)), "
      + "\(verdict)</span></p></div>"
  }

  private func image(_ picture: Picture, _ name: String) throws -> String {
    let data = Data(try picture.jpegData(quality: 82)).base64EncodedString()
    return
      "<img alt=\"\(name)\" width=\"\(picture.width)\" height=\"\(picture.height)\" src=\"data:image/jpeg;base64,\(data)\">"
  }

  /// The picture with the mask filled and outlined.
  private static func marked(_ picture: Picture, _ mask: Mask) -> Picture {
    let (width, height) = (picture.width, picture.height)
    let mask = mask.touched(width: width, height: height)
    var result = picture
    for y in 0..<height {
      for x in 0..<width where mask[x, y] {
        let isEdge =
          x == 0 || y == 0 || x == width - 1 || y == height - 1 || !mask[x - 1, y] || !mask[x + 1, y]
          || !mask[x, y - 1] || !mask[x, y + 1]
        let weight = isEdge ? 1.0 : 0.4
        for (channel, level) in [233.0, 64.0, 140.0].enumerated() {
          let at = (y * width + x) * 3 + channel
          result.pixels[at] = UInt8(Double(result.pixels[at]) * (1 - weight) + level * weight)
        }
      }
    }
    return result
  }
}

extension Mask {
  /// The mask at the size of a tile, where a pixel belongs to it as soon as one below it does: small defects stay visible.
  fileprivate func touched(width newWidth: Int, height newHeight: Int) -> Mask {
    var result = Mask(width: newWidth, height: newHeight)
    for y in 0..<height {
      for x in 0..<width where self[x, y] { result[x * newWidth / width, y * newHeight / height] = true }
    }
    // A small mask on a larger tile would have holes.
    return newWidth > width || newHeight > height ? resized(width: newWidth, height: newHeight) : result
  }
}
