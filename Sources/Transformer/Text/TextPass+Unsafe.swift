package import CKernels
package import Compute

/// One forest's way through the text tower and the memory for it, used again for every pass.
///
/// It is used by one thread at a time; inside a pass the threads of the tower's pool share each layer. An index of a
/// loop writes rows, columns or a head of its own and a scratch of its thread, which is what keeps the loops free of
/// races.
package final class TextPass: @unchecked Sendable {
  /// What a block computed, as gradients need it; `rows` numbers of each row of the forest.
  package struct Block {
    /// What goes into the block, `rows x width`.
    package let input: AlignedBuffer<Float>
    /// Queries, keys and values, `rows x 3 width`.
    package let qkv: AlignedBuffer<Float>
    /// After attention and before the MLP, `rows x width`.
    package let middle: AlignedBuffer<Float>
    /// What goes into the MLP's activation, `rows x mlpWidth`.
    package let hidden: AlignedBuffer<Float>
  }

  package let tower: TextTower
  package let forest: PromptForest
  package let kernels: ck_kernels
  package let blocks: [Block]
  /// What comes out of the last block, `rows x width`; only ends are computed.
  package let output: AlignedBuffer<Float>
  /// A scratch for attention for each thread of the pool.
  package let scratch: [AlignedBuffer<Float>]
  /// Features, `rows x embeddingWidth` up to a multiple of 16; only ends are computed.
  private let projected: AlignedBuffer<Float>
  private let normalised: AlignedBuffer<Float>
  private let mixed: AlignedBuffer<Float>
  private let activated: AlignedBuffer<Float>
  private let paths: AlignedBuffer<Int32>
  private let starts: AlignedBuffer<Int32>

  /// Rows whose LayerNorm, or whose attention in one head, a thread takes at a time.
  package static let rowChunk = 32

  /// - Parameter keepsBlocks: whether every block has memory of its own, so that gradients can be computed after.
  package init(tower: TextTower, forest: PromptForest, keepsBlocks: Bool) {
    guard let kernels = tower.path.kernels else {
      preconditionFailure("The path was checked when it was chosen.")
    }
    let configuration = tower.configuration
    precondition(
      forest.length <= configuration.contextLength,
      "A prompt of \(forest.length) tokens is longer than the text tower's \(configuration.contextLength).")
    let (rows, width) = (forest.rows, configuration.width)
    self.tower = tower
    self.forest = forest
    self.kernels = kernels
    func block() -> Block {
      Block(
        input: AlignedBuffer(count: rows * width), qkv: AlignedBuffer(count: rows * 3 * width),
        middle: AlignedBuffer(count: rows * width),
        hidden: AlignedBuffer(count: rows * configuration.mlpWidth))
    }
    if keepsBlocks {
      blocks = (0..<configuration.depth).map { _ in block() }
      output = AlignedBuffer(count: rows * width)
    } else {
      let only = block()
      blocks = [Block](repeating: only, count: configuration.depth)
      output = only.input
    }
    scratch = (0..<tower.pool.threads).map { _ in
      AlignedBuffer(count: ck_paths_scratch(configuration.contextLength))
    }
    projected = AlignedBuffer(count: rows * tower.weights.projection.paddedColumns)
    normalised = AlignedBuffer(count: rows * width)
    mixed = AlignedBuffer(count: rows * width)
    activated = AlignedBuffer(count: rows * configuration.mlpWidth)
    paths = AlignedBuffer(forest.paths)
    starts = AlignedBuffer(forest.starts)
  }

  /// Rows of a block that need more than keys and values.
  package func active(_ block: Int) -> Range<Int> {
    (block == tower.configuration.depth - 1 ? forest.firstEnd : 0)..<forest.rows
  }

  /// Runs the tower; one row a prompt, `embeddingWidth` channels, not normalised.
  package func features(vectors: Matrix) -> Matrix {
    embed(vectors)
    tower.pool.run(TextJob { self.forward($0) })
    let (width, padded) = (tower.embeddingWidth, tower.weights.projection.paddedColumns)
    var features = Matrix(rows: forest.ends.count, columns: width)
    for (prompt, row) in forest.ends.enumerated() {
      for channel in 0..<width { features[prompt, channel] = projected.base[row * padded + channel] }
    }
    return features
  }

  /// The token's vector plus its position's.
  private func embed(_ vectors: Matrix) {
    let width = tower.configuration.width
    precondition(vectors.columns == width, "Vectors have \(vectors.columns) channels, not \(width).")
    for (row, token) in forest.tokens.enumerated() {
      let target = blocks[0].input.base + row * width
      let position = tower.weights.position + forest.positions[row] * width
      switch token {
      case .word(let id):
        precondition(
          0..<tower.configuration.vocabularySize ~= Int(id), "Token \(id) is not in the vocabulary.")
        let word = tower.weights.embedding + Int(id) * width
        for channel in 0..<width { target[channel] = word[channel] + position[channel] }
      case .vector(let index):
        precondition(index < vectors.rows, "There is no vector \(index).")
        for channel in 0..<width { target[channel] = vectors[index, channel] + position[channel] }
      }
    }
  }

  private func forward(_ worker: Worker) {
    let (rows, width) = (forest.rows, tower.configuration.width)
    for (index, weights) in tower.weights.blocks.enumerated() {
      let block = blocks[index]
      let active = active(index)
      let next = index + 1 < blocks.count ? blocks[index + 1].input : output
      normalise(worker, block.input, weights.norm1, 0..<rows)
      multiply(worker, normalised, weights.qkv, into: block.qkv, rows: active, columns: 0..<width)
      multiply(worker, normalised, weights.qkv, into: block.qkv, rows: 0..<rows, columns: width..<3 * width)
      attend(worker, block, active)
      multiply(worker, mixed, weights.attentionOut, into: block.middle, rows: active) { columns in
        self.add(block.input, to: block.middle, active, columns)
      }
      normalise(worker, block.middle, weights.norm2, active)
      multiply(worker, normalised, weights.mlpIn, into: block.hidden, rows: active) { columns in
        let first = active.lowerBound * self.tower.configuration.mlpWidth + columns.lowerBound
        self.kernels.activate(
          block.hidden.base + first, self.tower.configuration.mlpWidth, active.count, columns.count,
          self.tower.configuration.kernelActivation, self.activated.base + first,
          self.tower.configuration.mlpWidth)
      }
      multiply(worker, activated, weights.mlpOut, into: next, rows: active) { columns in
        self.add(block.middle, to: next, active, columns)
      }
    }
    let ends = forest.firstEnd..<rows
    normalise(worker, output, tower.weights.norm, ends)
    share(worker, normalised, tower.weights.projection, bias: nil, into: projected, rows: ends)
  }

  private func normalise(
    _ worker: Worker, _ input: AlignedBuffer<Float>, _ norm: TextWeights.Norm, _ rows: Range<Int>
  ) {
    let width = tower.configuration.width
    worker.forEach((rows.count + Self.rowChunk - 1) / Self.rowChunk) { chunk in
      let first = rows.lowerBound + chunk * Self.rowChunk
      kernels.layer_norm(
        input.base + first * width, width, min(Self.rowChunk, rows.upperBound - first), width, norm.gain,
        norm.bias, tower.configuration.layerNormEpsilon, normalised.base + first * width, width)
    }
  }

  private func attend(_ worker: Worker, _ block: Block, _ rows: Range<Int>) {
    let configuration = tower.configuration
    let chunks = (rows.count + Self.rowChunk - 1) / Self.rowChunk
    let headWidth = configuration.width / configuration.heads
    worker.forEach(configuration.heads * chunks) { index in
      let (head, first) = (index / chunks, rows.lowerBound + index % chunks * Self.rowChunk)
      kernels.attend_paths(
        attention(head, block.qkv), first, min(Self.rowChunk, rows.upperBound - first),
        scratch[worker.index].base, mixed.base + head * headWidth, configuration.width)
    }
  }

  /// One head's queries, keys and values.
  package func attention(_ head: Int, _ qkv: AlignedBuffer<Float>) -> ck_paths {
    let width = tower.configuration.width
    let headWidth = width / tower.configuration.heads
    let queries = UnsafePointer(qkv.base) + head * headWidth
    return ck_paths(
      queries: queries, keys: queries + width, values: queries + 2 * width, stride: 3 * width,
      width: headWidth, paths: paths.base, starts: starts.base, score_scale: 1 / Float(headWidth).squareRoot()
    )
  }

  private func multiply(
    _ worker: Worker, _ input: AlignedBuffer<Float>, _ linear: TextWeights.Linear,
    into output: AlignedBuffer<Float>, rows: Range<Int>, columns: Range<Int>? = nil,
    then finish: (_ columns: Range<Int>) -> Void = { _ in }
  ) {
    share(
      worker, input, linear.weights, bias: linear.bias, into: output, rows: rows, columns: columns,
      then: finish)
  }

  /// Rows of `input` times `right`, shared by columns.
  ///
  /// - Parameters:
  ///   - columns: those that are computed, starting at a multiple of 16; all where it is nil.
  ///   - finish: called when columns are done, on the thread that did them.
  package func share(
    _ worker: Worker, _ input: AlignedBuffer<Float>, _ right: PackedMatrix, bias: UnsafePointer<Float>?,
    into output: AlignedBuffer<Float>, rows: Range<Int>, columns: Range<Int>? = nil,
    then finish: (_ columns: Range<Int>) -> Void = { _ in }
  ) {
    let all = columns ?? 0..<right.paddedColumns
    worker.forEach((all.count + PackedMatrix.chunk - 1) / PackedMatrix.chunk) { chunk in
      let first = all.lowerBound + chunk * PackedMatrix.chunk
      let columns = first..<min(first + PackedMatrix.chunk, all.upperBound)
      kernels.multiply_float(
        input.base + rows.lowerBound * right.depth, right.depth, rows.count,
        right.panels.base + first * right.depth, right.depth, columns.count, bias.map { $0 + first },
        output.base + rows.lowerBound * right.paddedColumns + first, right.paddedColumns)
      finish(columns)
    }
  }

  private func add(
    _ residual: AlignedBuffer<Float>, to sum: AlignedBuffer<Float>, _ rows: Range<Int>, _ columns: Range<Int>
  ) {
    let width = tower.configuration.width
    for row in rows {
      let (target, source) = (sum.base + row * width, residual.base + row * width)
      for column in columns { target[column] += source[column] }
    }
  }
}

/// A pass as a job for a pool.
package final class TextJob: PoolJob {
  private let body: @Sendable (Worker) -> Void

  package init(_ body: @escaping @Sendable (Worker) -> Void) { self.body = body }

  package func work(_ worker: Worker) { body(worker) }
}

extension TextTowerConfiguration {
  package var kernelActivation: ck_epilogue { activation == .gelu ? CK_GELU : CK_QUICK_GELU }
}
