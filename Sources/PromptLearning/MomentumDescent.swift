internal import Compute

/// Stochastic gradient descent with momentum and weight decay, as torch computes it:
/// v <- momentum v + (g + decay θ), where v starts as the first g + decay θ; θ <- θ - rate v.
struct MomentumDescent: Sendable {
  let momentum: Float
  let decay: Float
  private var velocity: [Float]?

  init(momentum: Double, decay: Double) {
    self.momentum = Float(momentum)
    self.decay = Float(decay)
  }

  mutating func step(_ vectors: inout Matrix, _ gradient: Matrix, rate: Double) {
    var velocity = velocity ?? []
    let isFirst = velocity.isEmpty
    if isFirst { velocity = [Float](repeating: 0, count: gradient.values.count) }
    for index in gradient.values.indices {
      let slope = gradient.values[index] + decay * vectors.values[index]
      velocity[index] = isFirst ? slope : momentum * velocity[index] + slope
      vectors.values[index] -= Float(rate) * velocity[index]
    }
    self.velocity = velocity
  }
}
