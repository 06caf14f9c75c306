internal import Compute
internal import Transformer

/// Prompts in the course of being learned: several sets side by side, whose rows go through the text tower in the same
/// products, and which otherwise know nothing of each other.
struct PromptTraining {
  struct Member {
    let set: PromptSet
    let objective: PromptObjective
    /// Contexts, then anomaly vectors; see `PromptSet`.
    var vectors: Matrix
    var losses: [PromptLosses] = []
    /// The last gradient at the vectors, without weight decay.
    var gradient: Matrix?
    var descent: MomentumDescent

    fileprivate mutating func descend(_ gradient: Matrix, rate: Double) {
      descent.step(&vectors, gradient, rate: rate)
      self.gradient = gradient
    }
  }

  private(set) var members: [Member]
  private(set) var step = 0
  private let options: LearningOptions
  private let pass: TextPass
  private let back: TextGradient

  init(tower: TextTower, options: LearningOptions, members: [Member]) {
    self.members = members
    self.options = options
    var first = 0
    var prompts: [[PromptToken]] = []
    for member in members {
      prompts += member.set.prompts.map { prompt in
        prompt.map { token in
          if case .vector(let index) = token { .vector(first + index) } else { token }
        }
      }
      first += member.set.vectors
    }
    pass = TextPass(tower: tower, forest: PromptForest(prompts), keepsBlocks: true)
    back = TextGradient(pass: pass)
  }

  /// The text features of each set with the vectors as they are.
  func features() -> [Matrix] {
    let all = pass.features(vectors: Self.stacked(members.map(\.vectors)))
    return Self.split(all, members.map(\.set.prompts.count))
  }

  /// One step of all sets.
  mutating func advance() {
    var gradients: [Matrix] = []
    for (index, text) in features().enumerated() {
      let (losses, gradient) = members[index].objective.evaluate(text)
      members[index].losses.append(losses)
      gradients.append(gradient)
    }
    let all = back.vectors(members.reduce(0) { $0 + $1.set.vectors }, upstream: Self.stacked(gradients))
    let rate = options.rate(step: step)
    for (index, gradient) in Self.split(all, members.map(\.set.vectors)).enumerated() {
      members[index].descend(gradient, rate: rate)
    }
    step += 1
  }

  private static func stacked(_ parts: [Matrix]) -> Matrix {
    Matrix(
      rows: parts.reduce(0) { $0 + $1.rows }, columns: parts.first?.columns ?? 0,
      values: parts.flatMap(\.values))
  }

  private static func split(_ whole: Matrix, _ counts: [Int]) -> [Matrix] {
    var first = 0
    return counts.map { count in
      defer { first += count }
      let values = whole.values[first * whole.columns..<(first + count) * whole.columns]
      return Matrix(rows: count, columns: whole.columns, values: Array(values))
    }
  }
}
