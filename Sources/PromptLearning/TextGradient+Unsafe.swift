internal import CKernels
internal import Compute
internal import Transformer

/// The text tower's backward pass with respect to its inputs, written out: from the gradient at the features to the
/// gradient at the given vectors. Weights are constants, so nothing is computed for them.
///
/// With a linear layer y = x Wᵀ + b, the gradient at x is that at y times W. A forest's shared rows add up what comes from
/// all prompts they are part of, in an order that depends on nothing but the forest.
///
/// - Important: used by one thread at a time, right after its pass.
final class TextGradient: @unchecked Sendable {
  private struct Block {
    let qkv: PackedMatrix
    let attentionOut: PackedMatrix
    let mlpIn: PackedMatrix
    let mlpOut: PackedMatrix
  }

  private let pass: TextPass
  private let blocks: [Block]
  private let projection: PackedMatrix
  /// Gradients at the features, the residual stream, a LayerNorm's output, the MLP's inside, attention's output, and
  /// queries, keys and values; a row for each of the forest.
  private let features: AlignedBuffer<Float>
  private let stream: AlignedBuffer<Float>
  private let normalised: AlignedBuffer<Float>
  private let hidden: AlignedBuffer<Float>
  private let mixed: AlignedBuffer<Float>
  private let qkv: AlignedBuffer<Float>

  /// - Parameter pass: one that keeps its blocks.
  init(pass: TextPass) {
    let (rows, configuration, weights) = (pass.forest.rows, pass.tower.configuration, pass.tower.weights)
    let width = configuration.width
    self.pass = pass
    blocks = weights.blocks.map { block in
      Block(
        qkv: PackedMatrix(block.qkv.rows, .plain, depth: 3 * width, columns: width),
        attentionOut: PackedMatrix(block.attentionOut.rows, .plain, depth: width, columns: width),
        mlpIn: PackedMatrix(block.mlpIn.rows, .plain, depth: configuration.mlpWidth, columns: width),
        mlpOut: PackedMatrix(block.mlpOut.rows, .plain, depth: width, columns: configuration.mlpWidth))
    }
    projection = PackedMatrix(
      weights.projectionRows, .plain, depth: pass.tower.embeddingWidth, columns: width)
    features = AlignedBuffer(count: rows * pass.tower.embeddingWidth)
    stream = AlignedBuffer(count: rows * width)
    normalised = AlignedBuffer(count: rows * width)
    hidden = AlignedBuffer(count: rows * configuration.mlpWidth)
    mixed = AlignedBuffer(count: rows * width)
    qkv = AlignedBuffer(count: rows * 3 * width)
  }

  /// The gradient at the given vectors, `vectors x width`.
  ///
  /// - Parameters:
  ///   - upstream: the gradient at the features of the last pass, one row a prompt.
  ///   - vectors: how many vectors were given.
  func vectors(_ vectors: Int, upstream: Matrix) -> Matrix {
    let (forest, width) = (pass.forest, pass.tower.configuration.width)
    precondition(
      upstream.rows == forest.ends.count && upstream.columns == pass.tower.embeddingWidth,
      "There is one gradient a feature.")
    features.elements.update(repeating: 0)
    for (prompt, row) in forest.ends.enumerated() {
      let target = features.base + row * upstream.columns
      for (channel, value) in upstream.row(prompt).enumerated() { target[channel] += value }
    }
    stream.elements.update(repeating: 0)
    pass.tower.pool.run(TextJob { self.backward($0) })
    var gradient = Matrix(rows: vectors, columns: width)
    for (row, token) in forest.tokens.enumerated() {
      guard case .vector(let index) = token else { continue }
      for channel in 0..<width { gradient[index, channel] += stream.base[row * width + channel] }
    }
    return gradient
  }

  private func backward(_ worker: Worker) {
    let tower = pass.tower
    let (rows, inside) = (pass.forest.rows, tower.configuration.mlpWidth)
    let ends = pass.forest.firstEnd..<rows
    pass.share(worker, features, projection, bias: nil, into: normalised, rows: ends)
    normGradient(worker, pass.output, tower.weights.norm, ends)
    for index in blocks.indices.reversed() {
      let (block, weights, back) = (pass.blocks[index], tower.weights.blocks[index], blocks[index])
      let active = pass.active(index)
      // h = u + mlp(norm2(u)): the gradient at u is that at h plus what comes through the MLP.
      pass.share(worker, stream, back.mlpOut, bias: nil, into: hidden, rows: active) { columns in
        let first = active.lowerBound * inside + columns.lowerBound
        self.pass.kernels.activate_gradient(
          block.hidden.base + first, inside, active.count, columns.count,
          tower.configuration.kernelActivation, self.hidden.base + first, inside)
      }
      pass.share(worker, hidden, back.mlpIn, bias: nil, into: normalised, rows: active)
      normGradient(worker, block.middle, weights.norm2, active)
      // u = x + out(attention(norm1(x)))
      pass.share(worker, stream, back.attentionOut, bias: nil, into: mixed, rows: active)
      attentionGradient(worker, block, active)
      pass.share(worker, qkv, back.qkv, bias: nil, into: normalised, rows: 0..<rows)
      normGradient(worker, block.input, weights.norm1, 0..<rows)
    }
  }

  /// Adds to the stream's gradient what `normalised` is at the LayerNorm's input.
  private func normGradient(
    _ worker: Worker, _ input: AlignedBuffer<Float>, _ norm: TextWeights.Norm, _ rows: Range<Int>
  ) {
    let configuration = pass.tower.configuration
    let width = configuration.width
    worker.forEach((rows.count + TextPass.rowChunk - 1) / TextPass.rowChunk) { chunk in
      let first = rows.lowerBound + chunk * TextPass.rowChunk
      pass.kernels.layer_norm_gradient(
        input.base + first * width, width, min(TextPass.rowChunk, rows.upperBound - first), width, norm.gain,
        configuration.layerNormEpsilon, normalised.base + first * width, width, stream.base + first * width,
        width)
    }
  }

  /// A head is one thread's: its rows add to the keys and values of the rows before them, one after the other.
  private func attentionGradient(_ worker: Worker, _ block: TextPass.Block, _ rows: Range<Int>) {
    let configuration = pass.tower.configuration
    let width = configuration.width
    let headWidth = width / configuration.heads
    worker.forEach(configuration.heads) { head in
      let queries = qkv.base + head * headWidth
      for row in 0..<pass.forest.rows {
        for part in 0..<3 {
          (queries + row * 3 * width + part * width).update(repeating: 0, count: headWidth)
        }
      }
      pass.kernels.attend_paths_gradient(
        pass.attention(head, block.qkv), rows.lowerBound, rows.count, mixed.base + head * headWidth, width,
        pass.scratch[worker.index].base,
        ck_paths_gradient(
          queries: queries, keys: queries + width, values: queries + 2 * width, stride: 3 * width))
    }
  }
}
