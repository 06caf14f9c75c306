internal import CKernels
internal import Compute
internal import Imaging

// The forward pass over raw memory. Rows of the residual stream are independent but for attention, so a block is two
// loops: one over chunks of rows, one over heads and chunks of queries. Each index of a loop writes rows or heads of
// its own and a scratch of its thread, which is what makes the loops free of races.

/// Memory of one encode of one input size, kept from picture to picture.
final class Workspace: Sendable {
  /// Tokens worked on at a time: their activations stay in the second-level cache, and 48 is a multiple of 16 (key
  /// panels) and of 12 (tile rows).
  static let chunk = 48

  /// What one thread writes while it works on a chunk.
  struct Scratch: Sendable {
    let normalised: AlignedBuffer<Float>  // chunk x width
    let wide: AlignedBuffer<Float>  // chunk x max(3 width, mlp width, patch inputs)
    let quantised: AlignedBuffer<UInt8>  // chunk x max(width, mlp width)
    let scales: AlignedBuffer<Float>  // chunk
    let scores: AlignedBuffer<Float>  // 12 x tokens, padded to 16
  }

  let grid: PatchGrid
  let tokens: Int
  /// Tokens rounded up to whole key panels.
  let paddedTokens: Int
  let stream: AlignedBuffer<Float>  // tokens x width
  let attended: AlignedBuffer<Float>  // tokens x width
  let queries: AlignedBuffer<Float>  // heads x tokens x head width
  let keys: AlignedBuffer<Float>  // heads x panels of 16 tokens x head width x 16
  let values: AlignedBuffer<Float>  // heads x panels of 16 channels x tokens x 16
  let positions: AlignedBuffer<Float>  // tokens x width, class token included
  let scratch: [Scratch]

  init(grid: PatchGrid, tower: QuantisedImageTower) {
    let configuration = tower.configuration
    let width = configuration.width
    let inputs = 3 * configuration.patchSize * configuration.patchSize
    let tokens = grid.count + 1
    let paddedTokens = (tokens + 15) / 16 * 16
    let rows = (tokens + Self.chunk - 1) / Self.chunk * Self.chunk
    self.grid = grid
    self.tokens = tokens
    self.paddedTokens = paddedTokens
    stream = AlignedBuffer(count: rows * width)
    attended = AlignedBuffer(count: rows * width)
    queries = AlignedBuffer(count: tokens * width)
    keys = AlignedBuffer(count: paddedTokens * width)
    values = AlignedBuffer(count: tokens * width)
    let position = tower.model.float("image.position").prefix(width)
    positions = AlignedBuffer(
      Array(position)
        + tower.model.positionGrid.resized(
          rows: grid.rows, columns: grid.columns, by: configuration.positionInterpolation))
    scratch = (0..<tower.pool.threads).map { _ in
      Scratch(
        normalised: AlignedBuffer(count: Self.chunk * width),
        wide: AlignedBuffer(count: Self.chunk * max(3 * width, configuration.mlpWidth, inputs)),
        quantised: AlignedBuffer(count: Self.chunk * max(width, configuration.mlpWidth)),
        scales: AlignedBuffer(count: Self.chunk),
        scores: AlignedBuffer(count: 12 * paddedTokens))
    }
  }

  var chunks: Int { (tokens + Self.chunk - 1) / Self.chunk }

  func rows(of chunk: Int) -> Range<Int> {
    chunk * Self.chunk..<min((chunk + 1) * Self.chunk, tokens)
  }
}

extension QuantisedImageTower {
  func encode(_ picture: Picture, taps: [TokenTap], in workspace: Workspace) -> PatchTokens {
    guard let kernels = path.kernels else { preconditionFailure("The path was checked when it was chosen.") }
    let run = Run(tower: self, kernels: kernels, workspace: workspace)
    let outputs = taps.map { _ in AlignedBuffer<Float>(count: workspace.tokens * configuration.width) }
    let last = taps.map(\.block).max() ?? 1
    pool.forEach(workspace.chunks) { chunk, thread in
      run.embed(picture, workspace.rows(of: chunk), workspace.scratch[thread])
    }
    for block in 0..<last {
      pool.forEach(workspace.chunks) { chunk, thread in
        let rows = workspace.rows(of: chunk)
        if block > 0 {
          run.finish(block: block - 1, rows, workspace.scratch[thread])
          for (tap, output) in zip(taps, outputs) where tap.block == block { run.read(tap, rows, into: output) }
        }
        run.project(block: block, rows, workspace.scratch[thread])
      }
      pool.forEach(configuration.heads * workspace.chunks) { index, thread in
        run.attend(
          head: index / workspace.chunks, workspace.rows(of: index % workspace.chunks), workspace.scratch[thread])
      }
    }
    pool.forEach(workspace.chunks) { chunk, thread in
      let rows = workspace.rows(of: chunk)
      run.finish(block: last - 1, rows, workspace.scratch[thread])
      for (tap, output) in zip(taps, outputs) where tap.block == last { run.read(tap, rows, into: output) }
    }
    let width = configuration.width
    return PatchTokens(
      gridRows: workspace.grid.rows, gridColumns: workspace.grid.columns,
      features: outputs.map {
        Matrix(rows: workspace.grid.count, columns: width, values: Array($0.elements[width...]))
      },
      classTokens: outputs.map { Matrix(rows: 1, columns: width, values: Array($0.elements[..<width])) })
  }
}

/// The steps of one encode; each works on a range of tokens.
private struct Run: @unchecked Sendable {
  let tower: QuantisedImageTower
  let kernels: ck_kernels
  let workspace: Workspace

  private var configuration: ImageTowerConfiguration { tower.configuration }
  private var width: Int { configuration.width }
  private var headWidth: Int { configuration.width / configuration.heads }
  private var stream: UnsafeMutablePointer<Float> { workspace.stream.base }

  /// Pixels to tokens: patches through the folded linear map, class token, positions, `pre_norm`.
  func embed(_ picture: Picture, _ rows: Range<Int>, _ scratch: Workspace.Scratch) {
    let side = configuration.patchSize
    let inputs = 3 * side * side
    let patches = max(rows.lowerBound, 1)..<rows.upperBound
    picture.pixels.withUnsafeBufferPointer { pixels in
      for (slot, token) in patches.enumerated() {
        let patch = token - 1
        let (top, left) = (patch / workspace.grid.columns * side, patch % workspace.grid.columns * side)
        let target = scratch.wide.base + slot * inputs
        for row in 0..<side {
          let source = ((top + row) * picture.width + left) * 3
          for column in 0..<side {
            for channel in 0..<3 {
              target[(channel * side + row) * side + column] = Float(pixels[source + column * 3 + channel])
            }
          }
        }
      }
    }
    kernels.multiply_float(
      scratch.wide.base, inputs, patches.count, tower.weights.patch.base, inputs, width,
      tower.weights.patchBias.base, stream + patches.lowerBound * width, width)
    if rows.lowerBound == 0 { stream.update(from: tower.weights.classToken, count: width) }
    for index in rows.lowerBound * width..<rows.upperBound * width {
      stream[index] += workspace.positions.base[index]
    }
    if let preNorm = tower.weights.preNorm {
      let first = stream + rows.lowerBound * width
      layerNorm(preNorm, from: first, rows: rows.count, into: first)
    }
  }

  /// LayerNorm, then queries, keys and values, laid out for attention.
  func project(block: Int, _ rows: Range<Int>, _ scratch: Workspace.Scratch) {
    let block = tower.weights.blocks[block]
    layerNorm(
      block.norm1, from: stream + rows.lowerBound * width, rows: rows.count, into: scratch.normalised.base)
    let qkv = scratch.wide.base
    linear(block.qkv, from: scratch.normalised.base, rows: rows.count, scratch, into: qkv, CK_STORE)

    let (tokens, padded, headWidth) = (workspace.tokens, workspace.paddedTokens, headWidth)
    let scale = 1 / Float(headWidth).squareRoot()
    for (slot, token) in rows.enumerated() {
      let row = qkv + slot * 3 * width
      for head in 0..<configuration.heads {
        let query = row + head * headWidth
        let queries = workspace.queries.base + (head * tokens + token) * headWidth
        let keys = workspace.keys.base + head * padded * headWidth + token / 16 * 16 * headWidth + token % 16
        let values = workspace.values.base + head * tokens * headWidth + token * 16
        for channel in 0..<headWidth {
          queries[channel] = query[channel] * scale
          keys[channel * 16] = query[width + channel]
        }
        for panel in 0..<headWidth / 16 {
          (values + panel * tokens * 16).update(from: query + 2 * width + panel * 16, count: 16)
        }
      }
    }
  }

  /// softmax(queries . keys) . values of one head, twelve queries at a time so that their scores stay in the first
  /// level of the cache.
  func attend(head: Int, _ rows: Range<Int>, _ scratch: Workspace.Scratch) {
    let (tokens, padded) = (workspace.tokens, workspace.paddedTokens)
    let keys = workspace.keys.base + head * padded * headWidth
    let values = workspace.values.base + head * tokens * headWidth
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: 12) {
      let count = min(12, rows.upperBound - first)
      kernels.multiply_float(
        workspace.queries.base + (head * tokens + first) * headWidth, headWidth, count, keys, headWidth, padded, nil,
        scratch.scores.base, padded)
      kernels.softmax(scratch.scores.base, padded, count, tokens)
      kernels.multiply_float(
        scratch.scores.base, padded, count, values, tokens, headWidth, nil,
        workspace.attended.base + first * width + head * headWidth, width)
    }
  }

  /// What follows attention in a block: output projection, MLP, both residual additions.
  func finish(block: Int, _ rows: Range<Int>, _ scratch: Workspace.Scratch) {
    let block = tower.weights.blocks[block]
    let tokens = stream + rows.lowerBound * width
    linear(
      block.attentionOut, from: workspace.attended.base + rows.lowerBound * width, rows: rows.count, scratch,
      into: tokens, CK_ADD)
    layerNorm(block.norm2, from: tokens, rows: rows.count, into: scratch.normalised.base)
    let activation = configuration.activation == .gelu ? CK_GELU : CK_QUICK_GELU
    linear(block.mlpIn, from: scratch.normalised.base, rows: rows.count, scratch, into: scratch.wide.base, activation)
    linear(block.mlpOut, from: scratch.wide.base, rows: rows.count, scratch, into: tokens, CK_ADD)
  }

  /// Copies the stream's rows, through the final LayerNorm where the tap asks for it.
  func read(_ tap: TokenTap, _ rows: Range<Int>, into output: AlignedBuffer<Float>) {
    let first = rows.lowerBound * width
    if tap.normalised {
      layerNorm(tower.weights.norm, from: stream + first, rows: rows.count, into: output.base + first)
    } else {
      (output.base + first).update(from: stream + first, count: rows.count * width)
    }
  }

  private func linear(
    _ layer: QuantisedWeights.Linear, from input: UnsafePointer<Float>, rows: Int, _ scratch: Workspace.Scratch,
    into output: UnsafeMutablePointer<Float>, _ epilogue: ck_epilogue
  ) {
    kernels.quantise(
      input, layer.inputs, rows, layer.inputs, scratch.quantised.base, layer.inputs, scratch.scales.base)
    kernels.multiply_int8(
      ck_activations(values: scratch.quantised.base, stride: layer.inputs, scales: scratch.scales.base), rows,
      layer.weights, ck_output(values: output, stride: layer.outputs, bias: layer.bias, epilogue: epilogue))
  }

  private func layerNorm(
    _ norm: QuantisedWeights.Norm, from input: UnsafePointer<Float>, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) {
    kernels.layer_norm(
      input, width, rows, width, norm.gain, norm.bias, configuration.layerNormEpsilon, output, width)
  }
}
