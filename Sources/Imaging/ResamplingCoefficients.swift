import CKernels

/// What each output position of one axis takes from which input positions, in Pillow's fixed point of
/// `CK_RESAMPLING_BITS` bits.
struct ResamplingCoefficients {
  /// Weights that every position has in `weights`: those it needs, then zeros up to the most that one needs and a
  /// multiple of 4.
  let taps: Int
  /// First input position of each output position.
  private(set) var starts: [Int32] = []
  /// Input positions of each output position; none lies beyond the axis.
  private(set) var counts: [Int] = []
  /// `taps` for each output position.
  private(set) var weights: [Int32] = []

  /// - Parameters:
  ///   - input: length of the axis before, at least 1.
  ///   - output: length of the axis after, at least 1.
  init(from input: Int, to output: Int, filter: ResamplingFilter) {
    let scale = Double(input) / Double(output)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    func range(at centre: Double) -> Range<Int> {
      max(0, Int(centre - support + 0.5))..<min(input, Int(centre + support + 0.5))
    }
    let centres = (0..<output).map { (Double($0) + 0.5) * scale }
    taps = ((centres.map { range(at: $0).count }.max() ?? 0) + 3) / 4 * 4
    starts.reserveCapacity(output)
    counts.reserveCapacity(output)
    weights.reserveCapacity(output * taps)
    // Pillow multiplies by the reciprocal here and divides below; the other way round would move last bits.
    let shrink = 1 / stretch
    var raw: [Double] = []
    for centre in centres {
      let range = range(at: centre)
      raw.removeAll(keepingCapacity: true)
      for position in range { raw.append(filter.weight((Double(position) - centre + 0.5) * shrink)) }
      let sum = raw.reduce(0, +)
      starts.append(Int32(range.lowerBound))
      counts.append(range.count)
      for weight in raw {
        let scaled = weight / sum * Double(1 << CK_RESAMPLING_BITS)
        weights.append(Int32(scaled.rounded(.toNearestOrAwayFromZero)))
      }
      for _ in range.count..<taps { weights.append(0) }
    }
  }

  /// The weights of one output position.
  func weights(of position: Int) -> ArraySlice<Int32> {
    weights[position * taps..<position * taps + counts[position]]
  }
}
