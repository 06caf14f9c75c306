internal import Compute

/// The unit vectors that a set's text features stand for: what images are compared with.
struct PrototypeVectors {
  /// N(mean of the normal features) and N(mean of the abnormal ones); the means are over features as they come.
  let normal: [Double]
  let abnormal: [Double]
  /// Every feature divided by its length.
  let units: [[Double]]
  private let lengths: [Double]
  private let normalLength: Double
  private let abnormalLength: Double
  private let set: PromptSet

  init(_ text: Matrix, _ set: PromptSet) {
    func mean(_ prompts: Range<Int>) -> [Double] {
      var sum = [Double](repeating: 0, count: text.columns)
      for prompt in prompts {
        for (channel, value) in text.row(prompt).enumerated() { sum[channel] += Double(value) }
      }
      return sum.map { $0 / Double(prompts.count) }
    }
    self.set = set
    (normal, normalLength) = Self.unit(mean(set.normal))
    (abnormal, abnormalLength) = Self.unit(mean(set.abnormal))
    let units = (0..<text.rows).map { Self.unit(text.row($0).map(Double.init)) }
    self.units = units.map(\.vector)
    lengths = units.map(\.length)
  }

  /// `2 x channels`: normal, abnormal.
  var matrix: Matrix {
    Matrix(rows: 2, columns: normal.count, values: (normal + abnormal).map(Float.init))
  }

  /// The gradient at the text features.
  ///
  /// - Parameter gradient: that at normal, abnormal and the units of the abnormal prompts, one row each.
  func gradient(at text: Matrix, _ gradient: [Double]) -> Matrix {
    let width = text.columns
    func row(_ index: Int) -> ArraySlice<Double> { gradient[index * width..<(index + 1) * width] }
    // N(v) = v / |v|: what points along v changes nothing.
    func through(_ unit: [Double], _ length: Double, _ slope: ArraySlice<Double>) -> [Double] {
      let along = zip(unit, slope).reduce(0) { $0 + $1.0 * $1.1 }
      return zip(unit, slope).map { ($1 - $0 * along) / length }
    }
    let normal = through(self.normal, normalLength, row(0)).map { $0 / Double(set.normal.count) }
    let abnormal = through(self.abnormal, abnormalLength, row(1)).map { $0 / Double(set.abnormal.count) }
    var result = Matrix(rows: text.rows, columns: width)
    for prompt in set.normal {
      for channel in 0..<width { result[prompt, channel] = Float(normal[channel]) }
    }
    for prompt in set.abnormal {
      let own = through(units[prompt], lengths[prompt], row(2 + prompt - set.abnormal.lowerBound))
      for channel in 0..<width { result[prompt, channel] = Float(abnormal[channel] + own[channel]) }
    }
    return result
  }

  /// A vector of length 1, and the length it had; zeros stay zeros.
  private static func unit(_ vector: [Double]) -> (vector: [Double], length: Double) {
    let length = max(vector.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-12)
    return (vector.map { $0 / length }, length)
  }
}
