/// One element of a prompt: a word piece of the vocabulary, or a vector that is given in place of one.
public enum PromptToken: Sendable, Hashable {
  /// Index into the token embedding.
  case word(Int32)
  /// Row of the matrix of given vectors.
  case vector(Int)
}

/// Many prompts as a forest: equal beginnings are the same rows, so each is computed once.
///
/// A row is one token in one context. The text tower's attention is causal, which makes everything about a row depend on
/// the rows before it in its prompt and on nothing else: sharing is exact, and so is leaving out what would follow a
/// prompt's end.
public struct PromptForest: Sendable, Equatable {
  /// The token of each row.
  public let tokens: [PromptToken]
  /// The place of each row in its prompt, from 0.
  public let positions: [Int]
  /// For each prompt, in the order given, its last row.
  public let ends: [Int]
  /// The rows from here on are ends, those before are none: in the last block only ends need more than keys and values.
  public let firstEnd: Int
  /// Row r attends to `paths[starts[r]..<starts[r + 1]]`, from the first row of its prompt to itself.
  package let paths: [Int32]
  package let starts: [Int32]

  public var rows: Int { tokens.count }
  /// The longest prompt.
  public var length: Int { (positions.max() ?? -1) + 1 }

  /// - Precondition: no prompt is empty.
  public init(_ prompts: [[PromptToken]]) {
    struct Step: Hashable {
      let parent: Int
      let token: PromptToken
    }
    precondition(prompts.allSatisfy { !$0.isEmpty }, "A prompt has at least one token.")
    var nodes: [Step: Int] = [:]
    var steps: [Step] = []
    let lasts = prompts.map { prompt in
      prompt.reduce(-1) { parent, token in
        let step = Step(parent: parent, token: token)
        if let known = nodes[step] { return known }
        nodes[step] = steps.count
        steps.append(step)
        return steps.count - 1
      }
    }
    // Ends go last; otherwise rows stay in the order in which they came up.
    let isEnd = lasts.reduce(into: [Bool](repeating: false, count: steps.count)) { $0[$1] = true }
    let order = steps.indices.filter { !isEnd[$0] } + steps.indices.filter { isEnd[$0] }
    var row = [Int](repeating: 0, count: steps.count)
    for (new, old) in order.enumerated() { row[old] = new }

    var paths: [Int32] = []
    var starts: [Int32] = [0]
    var positions: [Int] = []
    for old in order {
      var path: [Int32] = []
      var node = old
      while node >= 0 {
        path.append(Int32(row[node]))
        node = steps[node].parent
      }
      positions.append(path.count - 1)
      paths += path.reversed()
      starts.append(Int32(paths.count))
    }
    tokens = order.map { steps[$0].token }
    self.positions = positions
    ends = lasts.map { row[$0] }
    firstEnd = isEnd.count { !$0 }
    self.paths = paths
    self.starts = starts
  }
}
