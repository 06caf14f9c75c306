/// What has to be computed for the taps of a picture, and no more.
///
/// Up to the deepest block the main path is computed whole, because attention mixes all tokens. Of that block only what is
/// read: nothing after its values where only the local path is tapped, no MLP where the tokens after attention are
/// wanted, one row where the class token is.
struct EncodePlan: Equatable {
  /// Which tokens go through a part of a block.
  enum Tokens: Int, Comparable {
    case none
    case classToken
    case all

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Those of a chunk of tokens, whose first is the class token's.
    func rows(of chunk: Range<Int>) -> Range<Int> {
      switch self {
      case .none: chunk.lowerBound..<chunk.lowerBound
      case .classToken: chunk.clamped(to: 0..<1)
      case .all: chunk
      }
    }
  }

  /// Blocks of which anything is computed.
  private(set) var blocks = 1
  /// Blocks in which values attend to values as well: the first so many.
  private(set) var localBlocks = 0
  /// What attends and what goes through the MLP in the last of `blocks`.
  private var lastAttention = Tokens.none
  private var lastMLP = Tokens.none

  init(taps: [TokenTap]) {
    for tap in taps {
      blocks = max(blocks, tap.block)
      if tap.place == .values { localBlocks = max(localBlocks, tap.block) }
    }
    for tap in taps where tap.block == blocks && tap.place != .values {
      let tokens = tap.classTokenOnly ? Tokens.classToken : .all
      lastAttention = max(lastAttention, tokens)
      if tap.place == .block { lastMLP = max(lastMLP, tokens) }
    }
  }

  /// The tokens of a block, counted from 0, that attend to all others.
  func attention(in block: Int) -> Tokens { block < blocks - 1 ? .all : lastAttention }
  /// The tokens of a block, counted from 0, that go through its MLP.
  func mlp(in block: Int) -> Tokens { block < blocks - 1 ? .all : lastMLP }
  /// Whether the values of a block, counted from 0, attend to values.
  func isLocal(in block: Int) -> Bool { block < localBlocks }
}

extension ImageTowerConfiguration {
  /// Multiply-accumulates of a picture of so many patches: the linear layers and both products of attention, as far as the
  /// taps need them.
  public func multiplications(patches: Int, taps: [TokenTap]) -> Double {
    let plan = EncodePlan(taps: taps)
    return (0...plan.blocks).reduce(0) { sum, block in
      EncodeStage.allCases.reduce(sum) {
        $0 + multiplications(of: $1, block: block, patches: patches, taps: taps, plan: plan)
      }
    }
  }

  /// Those of one stage of one block; blocks count from 1, and 0 is what comes before the first.
  func multiplications(
    of stage: EncodeStage, block: Int, patches: Int, taps: [TokenTap], plan: EncodePlan
  ) -> Double {
    let tokens = Double(patches + 1)
    let (width, mlpWidth) = (Double(width), Double(mlpWidth))
    func count(_ part: EncodePlan.Tokens) -> Double { part == .all ? tokens : part == .classToken ? 1 : 0 }
    if block == 0 {
      return stage == .embedding ? Double(patches) * width * Double(3 * patchSize * patchSize) : 0
    }
    let attention = plan.attention(in: block - 1)
    /// Queries of the main path, and of the local one.
    let queries = count(attention) + (plan.isLocal(in: block - 1) ? tokens : 0)
    switch stage {
    case .embedding, .layerNorm, .quantisation, .packing: return 0
    case .queriesKeysValues:
      return (tokens * (attention == .none ? 1 : 2) + count(attention)) * width * width
    case .attention: return queries * 2 * tokens * width
    case .attentionOut: return queries * width * width
    case .mlpIn, .mlpOut: return count(plan.mlp(in: block - 1)) * width * mlpWidth
    case .projection:
      return taps.lazy.filter { $0.projected && $0.block == block }.reduce(0) {
        $0 + ($1.classTokenOnly ? 1 : tokens) * width * Double(self.width(at: $1))
      }
    }
  }
}
