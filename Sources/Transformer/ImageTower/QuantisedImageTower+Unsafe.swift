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
    let attention: AlignedBuffer<UInt8>
  }

  let grid: PatchGrid
  let tokens: Int
  /// Tokens rounded up to whole panels of keys.
  let paddedTokens: Int
  let stream: AlignedBuffer<Float>  // tokens x width
  let attended: AlignedBuffer<Float>  // tokens x width
  let queries: AlignedBuffer<UInt8>  // heads x tokens x head width
  let queryScales: AlignedBuffer<Float>  // heads x tokens
  /// Keys and values in panels, as `ck_head` describes them, a head after the other. What lies past the last token
  /// stays 0.
  let keys: AlignedBuffer<Int8>  // heads x padded tokens x head width
  let keyScales: AlignedBuffer<Float>  // heads x padded tokens
  let keySums: AlignedBuffer<Int32>  // heads x padded tokens
  let values: AlignedBuffer<Int8>  // heads x padded tokens x head width
  let valueScales: AlignedBuffer<Float>  // heads x padded tokens
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
    queryScales = AlignedBuffer(count: configuration.heads * tokens)
    keys = AlignedBuffer(count: paddedTokens * width)
    keyScales = AlignedBuffer(count: configuration.heads * paddedTokens)
    keySums = AlignedBuffer(count: configuration.heads * paddedTokens)
    values = AlignedBuffer(count: paddedTokens * width)
    valueScales = AlignedBuffer(count: configuration.heads * paddedTokens)
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
        attention: AlignedBuffer(count: ck_attention_scratch(tokens)))
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
          for (tap, output) in zip(taps, outputs) where tap.block == block {
            run.read(tap, rows, into: output)
          }
        }
        run.project(block: block, rows, workspace.scratch[thread])
      }
      pool.forEach(configuration.heads * workspace.chunks) { index, thread in
        run.attend(
          head: index / workspace.chunks, workspace.rows(of: index % workspace.chunks),
          workspace.scratch[thread])
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

    let (tokens, padded) = (workspace.tokens, workspace.paddedTokens)
    for head in 0..<configuration.heads {
      let query = qkv + head * headWidth
      let first = head * padded + rows.lowerBound
      kernels.quantise(
        query, 3 * width, rows.count, headWidth,
        workspace.queries.base + (head * tokens + rows.lowerBound) * headWidth, headWidth,
        workspace.queryScales.base + head * tokens + rows.lowerBound)
      kernels.quantise(
        query + width, 3 * width, rows.count, headWidth, scratch.quantised.base, headWidth,
        workspace.keyScales.base + first)
      kernels.pack_keys(
        scratch.quantised.base, rows.count, headWidth, rows.lowerBound,
        workspace.keys.base + head * padded * headWidth, workspace.keySums.base + head * padded)
      kernels.quantise(
        query + 2 * width, 3 * width, rows.count, headWidth, scratch.quantised.base, headWidth,
        workspace.valueScales.base + first)
      kernels.pack_values(
        scratch.quantised.base, rows.count, headWidth, rows.lowerBound, tokens,
        workspace.values.base + head * padded * headWidth)
    }
  }

  /// softmax(queries . keys) . values of one head.
  func attend(head: Int, _ rows: Range<Int>, _ scratch: Workspace.Scratch) {
    let (tokens, padded) = (workspace.tokens, workspace.paddedTokens)
    kernels.attend(
      ck_activations(
        values: workspace.queries.base + (head * tokens + rows.lowerBound) * headWidth, stride: headWidth,
        scales: workspace.queryScales.base + head * tokens + rows.lowerBound), rows.count,
      ck_head(
        tokens: tokens, width: headWidth, keys: workspace.keys.base + head * padded * headWidth,
        key_scales: workspace.keyScales.base + head * padded,
        key_sums: workspace.keySums.base + head * padded,
        values: workspace.values.base + head * padded * headWidth,
        value_scales: workspace.valueScales.base + head * padded,
        score_scale: 1 / Float(headWidth).squareRoot()),
      scratch.attention.base, workspace.attended.base + rows.lowerBound * width + head * headWidth, width)
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
    linear(
      block.mlpIn, from: scratch.normalised.base, rows: rows.count, scratch, into: scratch.wide.base,
      activation)
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
    _ layer: QuantisedWeights.Linear, from input: UnsafePointer<Float>, rows: Int,
    _ scratch: Workspace.Scratch,
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
