import Imaging

/// A contact sheet in the making while results and heat maps arrive, in either order.
///
/// Bounded: some heat maps wait for their results, some results for their heat maps, and the clearest stay.
public struct ArrivingSheet {
  private static let mostWaitingMaps = 32
  private static let mostWaitingParts = 512

  private var clearest: ClearestParts
  private var parts: [(id: String, part: ClearestParts.Part)] = []
  private var maps: [(id: String, jpeg: [UInt8])] = []

  /// - Parameter each: pictures of each kind at most.
  public init(each: Int = 6) { clearest = ClearestParts(each: each) }

  /// Takes in a result. It counts where its part is labelled and has a score.
  public mutating func add(_ result: ObservedResult) {
    guard let label = result.expected, let isGood = result.isGood, let score = result.score,
      let threshold = result.threshold
    else { return }
    let name = result.part?.split(separator: "/").last.map(String.init) ?? result.id
    let part = ClearestParts.Part(
      name: "\(result.line) / \(name)", label: label, isGood: isGood, verdict: result.verdict, score: score,
      threshold: threshold)
    clearest.count(part)
    if let index = maps.firstIndex(where: { $0.id == result.id }) {
      show(part, maps.remove(at: index).jpeg)
    } else {
      parts.append((result.id, part))
      if parts.count > Self.mostWaitingParts { parts.removeFirst() }
    }
  }

  /// Takes in a heat map, a JPEG, of the result with that identifier.
  public mutating func add(heatMap jpeg: [UInt8], of id: String) {
    if let index = parts.firstIndex(where: { $0.id == id }) {
      show(parts.remove(at: index).part, jpeg)
    } else {
      maps.append((id, jpeg))
      if maps.count > Self.mostWaitingMaps { maps.removeFirst() }
    }
  }

  private mutating func show(_ part: ClearestParts.Part, _ jpeg: [UInt8]) {
    clearest.show(part) {
      try RawImage(format: .jpeg, width: 0, height: 0, bytes: jpeg).decoded().picture
    }
  }

  /// - Throws: `ImageError` where a heat map to be drawn is damaged.
  public func sheet(title: String) throws -> ContactSheet { try ContactSheet(title: title, clearest) }
}
