/// What each output position of one axis takes from which input positions, in Pillow's fixed point.
struct ResamplingCoefficients {
  /// Pillow's fixed point: 8 bits of the 32 are the pixel's, 2 are room for sums outside 0...255.
  static let fractionalBits = 22

  struct Taps: Equatable {
    /// First input position.
    var start: Int
    /// Where in `weights` its first weight is, and how many there are.
    var offset: Int
    var count: Int
  }

  /// One for each output position.
  var taps: [Taps] = []
  var weights: [Int64] = []

  /// - Parameters:
  ///   - input: length of the axis before, at least 1.
  ///   - output: length of the axis after, at least 1.
  init(from input: Int, to output: Int, filter: ResamplingFilter) {
    let scale = Double(input) / Double(output)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    taps.reserveCapacity(output)
    for position in 0..<output {
      let centre = (Double(position) + 0.5) * scale
      let start = max(0, Int(centre - support + 0.5))
      let end = min(input, Int(centre + support + 0.5))
      // Pillow multiplies by the reciprocal here and divides below; the other way round would move last bits.
      let shrink = 1 / stretch
      let raw = (start..<end).map { filter.weight((Double($0) - centre + 0.5) * shrink) }
      let sum = raw.reduce(0, +)
      taps.append(Taps(start: start, offset: weights.count, count: raw.count))
      weights += raw.map { weight in
        Int64((weight / sum * Double(1 << Self.fractionalBits)).rounded(.toNearestOrAwayFromZero))
      }
    }
  }
}
