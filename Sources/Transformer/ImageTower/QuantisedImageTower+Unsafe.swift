internal import CKernels
internal import Compute
internal import Imaging

// The forward pass over raw memory. Rows of the residual stream are independent but for attention, so a block is two
// loops: one over chunks of rows, one over heads and chunks of queries. Each index of a loop writes rows or heads of
// its own and a scratch of its thread, which is what makes the loops free of races.

/// Memory of one encode of one input size, kept from picture to picture.
final class Workspace: @unchecked Sendable {
  /// About how many tokens are worked on at a time. A chunk's activations should stay in the second-level cache, but a
  /// block's weights are read anew for every chunk: where they are larger than that cache, fewer and larger chunks win
  /// (ViT-B-16-plus-240 at 240 pixels on two threads: 47 ms in chunks of 48, 37 ms in chunks of 240).
  private static func chunkGoal(_ configuration: ImageTowerConfiguration) -> Int {
    let weights = configuration.width * (4 * configuration.width + 2 * configuration.mlpWidth)
    return weights <= 2 << 20 ? 96 : 240
  }

  /// Chunks start at multiples of this: of 12 rows of a tile, and of 4 tokens of a group of values.
  private static let chunkStep = 12

  /// What one thread writes while it works on a chunk.
  struct Scratch: Sendable {
    let normalised: AlignedBuffer<Float>  // chunk x width
    let wide: AlignedBuffer<Float>  // chunk x max(3 width, mlp width, patch inputs)
    let quantised: AlignedBuffer<UInt8>  // chunk x max(width, mlp width)
    let scales: AlignedBuffer<Float>  // chunk
    let attention: AlignedBuffer<UInt8>
  }

  let grid: PatchGrid
  private let bounds: [Int]
  var chunks: Int { bounds.count - 1 }
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
  /// One a tap: tokens x width, class token first.
  private(set) var outputs: [AlignedBuffer<Float>] = []

  init(grid: PatchGrid, tower: QuantisedImageTower) {
    let configuration = tower.configuration
    let width = configuration.width
    let inputs = 3 * configuration.patchSize * configuration.patchSize
    let tokens = grid.count + 1
    let paddedTokens = (tokens + 15) / 16 * 16
    let bounds = Self.bounds(
      tokens: tokens, goal: Self.chunkGoal(configuration), threads: tower.pool.threads)
    let largestChunk = zip(bounds, bounds.dropFirst()).reduce(0) { max($0, $1.1 - $1.0) }
    self.grid = grid
    self.bounds = bounds
    self.tokens = tokens
    self.paddedTokens = paddedTokens
    stream = AlignedBuffer(count: tokens * width)
    attended = AlignedBuffer(count: tokens * width)
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
        normalised: AlignedBuffer(count: largestChunk * width),
        wide: AlignedBuffer(count: largestChunk * max(3 * width, configuration.mlpWidth, inputs)),
        quantised: AlignedBuffer(count: largestChunk * max(width, configuration.mlpWidth)),
        scales: AlignedBuffer(count: largestChunk),
        attention: AlignedBuffer(count: ck_attention_scratch(tokens)))
    }
  }

  /// Makes sure that there are so many outputs; before the loops of a batch, by the thread that leads it.
  func prepareOutputs(_ count: Int) {
    while outputs.count < count { outputs.append(AlignedBuffer(count: positions.count)) }
  }

  func rows(of chunk: Int) -> Range<Int> { bounds[chunk]..<bounds[chunk + 1] }

  /// Where chunks begin, and where the last one ends: chunks of nearly equal size, as many a thread.
  private static func bounds(tokens: Int, goal: Int, threads: Int) -> [Int] {
    let steps = (tokens + chunkStep - 1) / chunkStep
    let wanted = max(1, (tokens + goal / 2) / goal)
    let count = min((wanted + threads - 1) / threads * threads, steps)
    return (0..<count).map { $0 * steps / count * chunkStep } + [tokens]
  }
}

/// What is kept from batch to batch: the job, and the workspaces of the input sizes that were seen last. Only the thread
/// that leads a batch may call.
final class WorkspaceStore: @unchecked Sendable {
  private var job: EncodeJob?
  private var workspaces: [PatchGrid: [Workspace]] = [:]
  /// How many input sizes keep their workspaces; beyond that the memory is given back first.
  private static let sizes = 4

  func job(for tower: QuantisedImageTower) -> EncodeJob {
    if let job { return job }
    let job = EncodeJob(tower: tower)
    self.job = job
    return job
  }

  /// One workspace a picture of the batch.
  func workspaces(_ count: Int, grid: PatchGrid, tower: QuantisedImageTower) -> [Workspace] {
    if workspaces[grid] == nil, workspaces.count >= Self.sizes { workspaces.removeAll() }
    while (workspaces[grid]?.count ?? 0) < count {
      workspaces[grid, default: []].append(Workspace(grid: grid, tower: tower))
    }
    return workspaces[grid] ?? []
  }
}

extension QuantisedImageTower {
  /// Computes a batch: pictures of one size, to the same block.
  func encode(_ batch: [EncodeRequest]) {
    guard let grid = batch.first?.grid else { return }
    let job = workspaces.job(for: self)
    job.batch = batch
    job.workspaces = workspaces.workspaces(batch.count, grid: grid, tower: self)
    for (request, workspace) in zip(batch, job.workspaces) { workspace.prepareOutputs(request.taps.count) }
    pool.run(job)
    for (request, workspace) in zip(batch, job.workspaces) {
      request.tokens.copy(
        workspace.outputs.prefix(request.taps.count), grid: grid, width: configuration.width)
    }
    job.batch = []
  }
}

/// The loops of a batch. The same object serves every batch; the thread that leads fills it before it brings it to the
/// pool, and nobody writes to it meanwhile.
final class EncodeJob: PoolJob, @unchecked Sendable {
  private unowned let tower: QuantisedImageTower
  private let kernels: ck_kernels
  fileprivate var batch: [EncodeRequest] = []
  fileprivate var workspaces: [Workspace] = []

  init(tower: QuantisedImageTower) {
    guard let kernels = tower.path.kernels else {
      preconditionFailure("The path was checked when it was chosen.")
    }
    self.tower = tower
    self.kernels = kernels
  }

  func work(_ worker: Worker) {
    let chunks = workspaces[0].chunks
    let heads = tower.configuration.heads
    let last = batch[0].lastBlock
    func step(_ picture: Int) -> Step {
      let workspace = workspaces[picture]
      return Step(
        tower: tower, kernels: kernels, workspace: workspace, scratch: workspace.scratch[worker.index])
    }
    worker.forEach(batch.count * chunks) { index in
      if let picture = batch[index / chunks].picture {
        step(index / chunks).embed(picture, chunk: index % chunks)
      }
    }
    for block in 0...last {
      worker.forEach(batch.count * chunks) { index in
        let step = step(index / chunks)
        if block > 0 {
          step.finish(block: block - 1, chunk: index % chunks)
          for (slot, tap) in batch[index / chunks].taps.enumerated() where tap.block == block {
            step.read(tap, chunk: index % chunks, into: slot)
          }
        }
        if block < last { step.project(block: block, chunk: index % chunks) }
      }
      guard block < last else { break }
      worker.forEach(batch.count * heads * chunks) { index in
        step(index / (heads * chunks)).attend(head: index / chunks % heads, chunk: index % chunks)
      }
    }
  }
}

extension PatchTokens {
  /// Copies one buffer of tokens a tap, class token first, into memory of the same shape where there is some.
  fileprivate mutating func copy(_ outputs: ArraySlice<AlignedBuffer<Float>>, grid: PatchGrid, width: Int) {
    let fits =
      features.count == outputs.count && gridRows == grid.rows && gridColumns == grid.columns
      && features.allSatisfy { $0.columns == width }
    if !fits {
      self = PatchTokens(
        gridRows: grid.rows, gridColumns: grid.columns,
        features: outputs.map { _ in Matrix(rows: grid.count, columns: width) },
        classTokens: outputs.map { _ in Matrix(rows: 1, columns: width) })
    }
    for (slot, output) in outputs.enumerated() {
      classTokens[slot].values.withUnsafeMutableBufferPointer { target in
        _ = target.update(fromContentsOf: output.elements[..<width])
      }
      features[slot].values.withUnsafeMutableBufferPointer { target in
        _ = target.update(fromContentsOf: output.elements[width...])
      }
    }
  }
}

/// The steps of one picture's encode; each works on a chunk of tokens.
private struct Step {
  let tower: QuantisedImageTower
  let kernels: ck_kernels
  let workspace: Workspace
  let scratch: Workspace.Scratch

  private var configuration: ImageTowerConfiguration { tower.configuration }
  private var width: Int { configuration.width }
  private var headWidth: Int { configuration.width / configuration.heads }
  private var stream: UnsafeMutablePointer<Float> { workspace.stream.base }

  /// Pixels to tokens: patches through the folded linear map, class token, positions, `pre_norm`.
  func embed(_ picture: Picture, chunk: Int) {
    let rows = workspace.rows(of: chunk)
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
  func project(block: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    let block = tower.weights.blocks[block]
    layerNorm(
      block.norm1, from: stream + rows.lowerBound * width, rows: rows.count, into: scratch.normalised.base)
    let qkv = scratch.wide.base
    linear(block.qkv, from: scratch.normalised.base, rows: rows.count, into: qkv, CK_STORE)

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
  func attend(head: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
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
  func finish(block: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    let block = tower.weights.blocks[block]
    let tokens = stream + rows.lowerBound * width
    linear(
      block.attentionOut, from: workspace.attended.base + rows.lowerBound * width, rows: rows.count,
      into: tokens, CK_ADD)
    layerNorm(block.norm2, from: tokens, rows: rows.count, into: scratch.normalised.base)
    let activation = configuration.activation == .gelu ? CK_GELU : CK_QUICK_GELU
    linear(
      block.mlpIn, from: scratch.normalised.base, rows: rows.count, into: scratch.wide.base,
      activation)
    linear(block.mlpOut, from: scratch.wide.base, rows: rows.count, into: tokens, CK_ADD)
  }

  /// Copies the stream's rows, through the final LayerNorm where the tap asks for it.
  func read(_ tap: TokenTap, chunk: Int, into slot: Int) {
    let rows = workspace.rows(of: chunk)
    let output = workspace.outputs[slot]
    let first = rows.lowerBound * width
    if tap.normalised {
      layerNorm(tower.weights.norm, from: stream + first, rows: rows.count, into: output.base + first)
    } else {
      (output.base + first).update(from: stream + first, count: rows.count * width)
    }
  }

  private func linear(
    _ layer: QuantisedWeights.Linear, from input: UnsafePointer<Float>, rows: Int,
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
