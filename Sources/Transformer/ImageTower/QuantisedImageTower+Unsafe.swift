internal import CKernels
internal import Compute
internal import Imaging
internal import Synchronization

// The forward pass over raw memory. Rows of the residual stream are independent but for attention, so a block is three
// loops: two over chunks of rows, one over heads and chunks of queries. Each index of a loop writes rows or heads of
// its own and a scratch of its thread, which is what makes the loops free of races.

/// Memory of one encode of one input size, kept from picture to picture.
final class Workspace: @unchecked Sendable {
  /// About how many tokens are worked on at a time, so that a chunk's activations stay near. A block's weights are read anew
  /// for every chunk, but ahead of their use: from 60 to 240 it is all the same.
  private static let chunkGoal = 120

  /// Chunks start at multiples of this: of 12 rows of a tile, and of 4 tokens of a group of values.
  private static let chunkStep = 12

  /// What one thread writes while it works on a chunk.
  struct Scratch: Sendable {
    let normalised: AlignedBuffer<Float>  // chunk x width
    let wide: AlignedBuffer<Float>  // chunk x max(3 width, mlp width)
    let patches: AlignedBuffer<UInt8>  // chunk x patch embedding's depth
    let ones: AlignedBuffer<Float>  // chunk: the scale of pixels
    let quantised: AlignedBuffer<UInt8>  // chunk x width
    let scales: AlignedBuffer<Float>  // chunk
    let attention: AlignedBuffer<UInt8>
  }

  /// The path whose values attend to values. Quantised values serve as queries and as keys, each laid out as the main
  /// path's are; their scales are `valueScales`.
  struct LocalPath: Sendable {
    let stream: AlignedBuffer<Float>
    let attended: AlignedBuffer<Float>
    let queries: AlignedBuffer<UInt8>  // heads x padded tokens x head width
    let keys: AlignedBuffer<Int8>
    let keySums: AlignedBuffer<Int32>
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
  let hidden: AlignedBuffer<UInt8>  // tokens x mlp width
  let hiddenScales: AlignedBuffer<Float>  // tokens
  let positions: AlignedBuffer<Float>  // tokens x width, class token included
  let scratch: [Scratch]
  /// There since a batch first asked for the local path.
  private(set) var local: LocalPath?
  /// One a tap: tokens x the tap's width, class token first; with room for the widest.
  private(set) var outputs: [AlignedBuffer<Float>] = []
  private let outputCount: Int

  init(grid: PatchGrid, tower: QuantisedImageTower) {
    let configuration = tower.configuration
    let width = configuration.width
    let tokens = grid.count + 1
    let paddedTokens = (tokens + 15) / 16 * 16
    let bounds = Self.bounds(tokens: tokens, threads: tower.pool.threads)
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
    hidden = AlignedBuffer(count: tokens * configuration.mlpWidth)
    hiddenScales = AlignedBuffer(count: tokens)
    let position = tower.model.float("image.position").prefix(width)
    positions = AlignedBuffer(
      Array(position)
        + tower.model.positionGrid.resized(
          rows: grid.rows, columns: grid.columns, by: configuration.positionInterpolation))
    outputCount = tokens * max(width, configuration.embeddingWidth ?? 0)
    scratch = (0..<tower.pool.threads).map { _ in
      Scratch(
        normalised: AlignedBuffer(count: largestChunk * width),
        wide: AlignedBuffer(count: largestChunk * max(3 * width, configuration.mlpWidth)),
        patches: AlignedBuffer(count: largestChunk * tower.weights.patch.depth),
        ones: AlignedBuffer([Float](repeating: 1, count: largestChunk)),
        quantised: AlignedBuffer(count: largestChunk * width),
        scales: AlignedBuffer(count: largestChunk),
        attention: AlignedBuffer(count: ck_attention_scratch(tokens, width / configuration.heads)))
    }
  }

  /// Makes sure that there is memory for what a request needs; before the loops of a batch, by the thread that leads it.
  func prepare(for request: EncodeRequest) {
    while outputs.count < request.taps.count { outputs.append(AlignedBuffer(count: outputCount)) }
    if request.plan.localBlocks > 0, local == nil {
      local = LocalPath(
        stream: AlignedBuffer(count: stream.count), attended: AlignedBuffer(count: stream.count),
        queries: AlignedBuffer(count: keys.count), keys: AlignedBuffer(count: keys.count),
        keySums: AlignedBuffer(count: keySums.count))
    }
  }

  func rows(of chunk: Int) -> Range<Int> { bounds[chunk]..<bounds[chunk + 1] }

  /// Where chunks begin, and where the last one ends: chunks of nearly equal size, as many a thread.
  private static func bounds(tokens: Int, threads: Int) -> [Int] {
    let steps = (tokens + chunkStep - 1) / chunkStep
    let wanted = max(1, (tokens + chunkGoal / 2) / chunkGoal)
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
  /// Computes a batch: pictures of one size and one plan.
  func encode(_ batch: [EncodeRequest]) {
    guard let grid = batch.first?.grid else { return }
    let job = workspaces.job(for: self)
    job.batch = batch
    job.clock = stageClock.withLock { $0 }
    job.workspaces = workspaces.workspaces(batch.count, grid: grid, tower: self)
    for (request, workspace) in zip(batch, job.workspaces) { workspace.prepare(for: request) }
    pool.run(job)
    for (request, workspace) in zip(batch, job.workspaces) {
      request.tokens.copy(
        workspace.outputs, taps: request.taps, grid: grid, configuration: configuration)
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
  /// Where a profile is being taken.
  fileprivate var clock: StageClock?

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
    let plan = batch[0].plan
    func step(_ picture: Int, block: Int) -> Step {
      let workspace = workspaces[picture]
      return Step(
        tower: tower, kernels: kernels, workspace: workspace, scratch: workspace.scratch[worker.index],
        taps: batch[picture].taps, plan: plan, times: clock?.stages(thread: worker.index, block: block))
    }
    worker.forEach(batch.count * chunks) { index in
      if let picture = batch[index / chunks].picture {
        step(index / chunks, block: 0).embed(picture, chunk: index % chunks)
      }
    }
    for block in 0...plan.blocks {
      // The MLP's two layers are in different loops: the weights of both do not fit the second-level cache together.
      if block > 0 {
        worker.forEach(batch.count * chunks) { index in
          step(index / chunks, block: block).widen(block: block - 1, chunk: index % chunks)
        }
      }
      worker.forEach(batch.count * chunks) { index in
        if block > 0 {
          step(index / chunks, block: block).narrow(block: block - 1, chunk: index % chunks)
        }
        if block < plan.blocks {
          step(index / chunks, block: block + 1).project(block: block, chunk: index % chunks)
        }
      }
      guard block < plan.blocks else { break }
      worker.forEach(batch.count * heads * chunks) { index in
        step(index / (heads * chunks), block: block + 1).attend(
          block: block, head: index / chunks % heads, chunk: index % chunks)
      }
    }
  }
}

extension PatchTokens {
  /// Copies one buffer of tokens a tap, class token first, into memory of the same shape where there is some.
  fileprivate mutating func copy(
    _ outputs: [AlignedBuffer<Float>], taps: [TokenTap], grid: PatchGrid,
    configuration: ImageTowerConfiguration
  ) {
    func rows(_ tap: TokenTap) -> Int { tap.classTokenOnly ? 0 : grid.count }
    let fits =
      features.count == taps.count && gridRows == grid.rows && gridColumns == grid.columns
      && zip(features, taps).allSatisfy {
        $0.rows == rows($1) && $0.columns == configuration.width(at: $1)
      }
    if !fits {
      self = PatchTokens(
        gridRows: grid.rows, gridColumns: grid.columns,
        features: taps.map { Matrix(rows: rows($0), columns: configuration.width(at: $0)) },
        classTokens: taps.map { Matrix(rows: 1, columns: configuration.width(at: $0)) })
    }
    for (slot, tap) in taps.enumerated() {
      let width = configuration.width(at: tap)
      let output = outputs[slot].elements
      classTokens[slot].values.withUnsafeMutableBufferPointer { target in
        _ = target.update(fromContentsOf: output[..<width])
      }
      features[slot].values.withUnsafeMutableBufferPointer { target in
        _ = target.update(fromContentsOf: output[width..<(1 + rows(tap)) * width])
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
  let taps: [TokenTap]
  let plan: EncodePlan
  /// The nanoseconds of each stage of this block on this thread, where a profile is taken.
  let times: UnsafeMutablePointer<UInt64>?

  @inline(__always)
  private func timed(_ stage: EncodeStage, _ work: () -> Void) {
    guard let times else { return work() }
    let start = StageClock.now()
    work()
    times[stage.index] += StageClock.now() - start
  }

  private var configuration: ImageTowerConfiguration { tower.configuration }
  private var width: Int { configuration.width }
  private var headWidth: Int { configuration.width / configuration.heads }
  private var stream: UnsafeMutablePointer<Float> { workspace.stream.base }

  /// Pixels to tokens: patches through the folded linear map, class token, positions, `pre_norm`.
  func embed(_ picture: Picture, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    timed(.embedding) {
      let side = configuration.patchSize
      let embedding = tower.weights.patch
      let patches = max(rows.lowerBound, 1)..<rows.upperBound
      picture.pixels.withUnsafeBufferPointer { pixels in
        guard let pixels = pixels.baseAddress else { return }
        for (slot, token) in patches.enumerated() {
          let (top, left) = ((token - 1) / workspace.grid.columns, (token - 1) % workspace.grid.columns)
          for row in 0..<side {
            embedding.convert(
              pixels + ((top * side + row) * picture.width + left * side) * 3, count: 3 * side,
              to: scratch.patches.base + slot * embedding.depth + row * 3 * side, kernels)
          }
        }
      }
      embedding.embed(
        scratch.patches.base, ones: scratch.ones.base, rows: patches.count,
        into: stream + patches.lowerBound * width, kernels)
      if rows.lowerBound == 0 { stream.update(from: tower.weights.classToken, count: width) }
      for index in rows.lowerBound * width..<rows.upperBound * width {
        stream[index] += workspace.positions.base[index]
      }
    }
    if let preNorm = tower.weights.preNorm {
      let first = stream + rows.lowerBound * width
      layerNorm(preNorm, from: first, rows: rows.count, into: first)
    }
    if plan.localBlocks > 0, let local = workspace.local {
      let first = rows.lowerBound * width
      (local.stream.base + first).update(from: stream + first, count: rows.count * width)
    }
  }

  /// LayerNorm, then queries, keys and values as far as the plan needs them, laid out for attention.
  func project(block index: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    let block = tower.weights.blocks[index]
    layerNorm(
      block.norm1, from: stream + rows.lowerBound * width, rows: rows.count, into: scratch.normalised.base)
    let qkv = scratch.wide.base
    let attending = plan.attention(in: index)
    let asking = attending.rows(of: rows)
    if attending == .classToken, !asking.isEmpty {
      linear(
        block.qkv, .queriesKeysValues, outputs: 0..<width, from: scratch.normalised.base, rows: asking.count,
        into: qkv, CK_STORE)
    }
    let needed = attending == .all ? 0 : attending == .classToken ? width : 2 * width
    linear(
      block.qkv, .queriesKeysValues, outputs: needed..<3 * width, from: scratch.normalised.base,
      rows: rows.count, into: qkv, CK_STORE)

    timed(.packing) {
      let (tokens, padded) = (workspace.tokens, workspace.paddedTokens)
      for head in 0..<configuration.heads {
        let query = qkv + head * headWidth
        let first = head * padded + rows.lowerBound
        if !asking.isEmpty {
          kernels.quantise(
            query, 3 * width, asking.count, headWidth,
            workspace.queries.base + (head * tokens + rows.lowerBound) * headWidth, headWidth,
            workspace.queryScales.base + head * tokens + rows.lowerBound)
        }
        if attending != .none {
          kernels.quantise(
            query + width, 3 * width, rows.count, headWidth, scratch.quantised.base, headWidth,
            workspace.keyScales.base + first)
          kernels.pack_keys(
            scratch.quantised.base, rows.count, headWidth, rows.lowerBound,
            workspace.keys.base + head * padded * headWidth, workspace.keySums.base + head * padded)
        }
        let local = plan.isLocal(in: index) ? workspace.local : nil
        let values = local.map { $0.queries.base + first * headWidth } ?? scratch.quantised.base
        kernels.quantise(
          query + 2 * width, 3 * width, rows.count, headWidth, values, headWidth,
          workspace.valueScales.base + first)
        kernels.pack_values(
          values, rows.count, headWidth, rows.lowerBound, tokens,
          workspace.values.base + head * padded * headWidth)
        if let local {
          kernels.pack_keys(
            values, rows.count, headWidth, rows.lowerBound, local.keys.base + head * padded * headWidth,
            local.keySums.base + head * padded)
        }
      }
    }
  }

  /// Both attentions of one head, each where the plan has it: softmax(queries . keys) . values.
  func attend(block: Int, head: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    let (tokens, padded) = (workspace.tokens, workspace.paddedTokens)
    let asking = plan.attention(in: block).rows(of: rows)
    if !asking.isEmpty {
      attend(
        head: head, rows: asking,
        queries: workspace.queries.base + (head * tokens + rows.lowerBound) * headWidth,
        scales: workspace.queryScales.base + head * tokens + rows.lowerBound, keys: workspace.keys,
        keyScales: workspace.keyScales, keySums: workspace.keySums, into: workspace.attended)
    }
    if plan.isLocal(in: block), let local = workspace.local {
      let first = head * padded + rows.lowerBound
      attend(
        head: head, rows: rows, queries: local.queries.base + first * headWidth,
        scales: workspace.valueScales.base + first, keys: local.keys, keyScales: workspace.valueScales,
        keySums: local.keySums, into: local.attended)
    }
  }

  private func attend(
    head: Int, rows: Range<Int>, queries: UnsafePointer<UInt8>, scales: UnsafePointer<Float>,
    keys: AlignedBuffer<Int8>, keyScales: AlignedBuffer<Float>, keySums: AlignedBuffer<Int32>,
    into attended: AlignedBuffer<Float>
  ) {
    let first = head * workspace.paddedTokens
    timed(.attention) {
      kernels.attend(
        ck_activations(values: queries, stride: headWidth, scales: scales), rows.count,
        ck_head(
          tokens: workspace.tokens, width: headWidth, keys: keys.base + first * headWidth,
          key_scales: keyScales.base + first, key_sums: keySums.base + first,
          values: workspace.values.base + first * headWidth, value_scales: workspace.valueScales.base + first,
          score_scale: 1 / Float(headWidth).squareRoot()),
        scratch.attention.base, attended.base + rows.lowerBound * width + head * headWidth, width)
    }
  }

  /// What follows attention in a block: output projection, residual addition, the first layer of the MLP; and the taps
  /// before that.
  func widen(block index: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    let block = tower.weights.blocks[index]
    if plan.isLocal(in: index), let local = workspace.local {
      linear(
        block.attentionOut, .attentionOut, from: local.attended.base + rows.lowerBound * width,
        rows: rows.count,
        into: local.stream.base + rows.lowerBound * width, CK_ADD)
      read(.values, of: index, from: local.stream.base, rows: rows)
    }
    let attended = plan.attention(in: index).rows(of: rows)
    guard !attended.isEmpty else { return }
    let tokens = stream + rows.lowerBound * width
    linear(
      block.attentionOut, .attentionOut, from: workspace.attended.base + rows.lowerBound * width,
      rows: attended.count,
      into: tokens, CK_ADD)
    read(.attention, of: index, from: stream, rows: attended)
    let finished = plan.mlp(in: index).rows(of: rows)
    guard !finished.isEmpty else { return }
    layerNorm(block.norm2, from: tokens, rows: finished.count, into: scratch.normalised.base)
    let activation = configuration.activation == .gelu ? CK_GELU : CK_QUICK_GELU
    linear(
      block.mlpIn, .mlpIn, from: scratch.normalised.base, rows: finished.count, into: scratch.wide.base,
      activation)
    let inputs = block.mlpOut.inputs
    timed(.quantisation) {
      kernels.quantise(
        scratch.wide.base, inputs, finished.count, inputs, workspace.hidden.base + rows.lowerBound * inputs,
        inputs, workspace.hiddenScales.base + rows.lowerBound)
    }
  }

  /// The second layer of the MLP, its residual addition and the block's taps.
  func narrow(block index: Int, chunk: Int) {
    let rows = workspace.rows(of: chunk)
    let finished = plan.mlp(in: index).rows(of: rows)
    guard !finished.isEmpty else { return }
    let layer = tower.weights.blocks[index].mlpOut
    let hidden = ck_activations(
      values: workspace.hidden.base + rows.lowerBound * layer.inputs, stride: layer.inputs,
      scales: workspace.hiddenScales.base + rows.lowerBound)
    timed(.mlpOut) {
      kernels.multiply_int8(
        hidden, finished.count, layer.weights,
        ck_output(
          values: stream + rows.lowerBound * width, stride: width, bias: layer.bias, epilogue: CK_ADD))
    }
    read(.block, of: index, from: stream, rows: finished)
  }

  /// Copies rows of a stream for the taps of this place, through the final LayerNorm and the projection where a tap asks
  /// for them.
  private func read(
    _ place: TokenTap.Place, of block: Int, from stream: UnsafePointer<Float>, rows: Range<Int>
  ) {
    for (slot, tap) in taps.enumerated() where tap.block == block + 1 && tap.place == place {
      let rows = tap.classTokenOnly ? rows.clamped(to: 0..<1) : rows
      guard !rows.isEmpty else { continue }
      let source = stream + rows.lowerBound * width
      let outputs = configuration.width(at: tap)
      let output = workspace.outputs[slot].base + rows.lowerBound * outputs
      if tap.projected, let projection = tower.weights.projection {
        if tap.normalised {
          layerNorm(tower.weights.norm, from: source, rows: rows.count, into: scratch.normalised.base)
        }
        timed(.projection) {
          kernels.multiply_float(
            tap.normalised ? UnsafePointer(scratch.normalised.base) : source, width, rows.count,
            projection.base, width, outputs, nil, output, outputs)
        }
      } else if tap.normalised {
        layerNorm(tower.weights.norm, from: source, rows: rows.count, into: output)
      } else {
        output.update(from: source, count: rows.count * width)
      }
    }
  }

  /// - Parameter outputs: those of the layer that are computed, whole panels; all by default.
  private func linear(
    _ layer: QuantisedWeights.Linear, _ stage: EncodeStage, outputs: Range<Int>? = nil,
    from input: UnsafePointer<Float>, rows: Int, into output: UnsafeMutablePointer<Float>,
    _ epilogue: ck_epilogue
  ) {
    var weights = layer.weights
    let first = outputs?.lowerBound ?? 0
    if let outputs {
      weights.values += first * layer.inputs
      weights.scales += first
      weights.sums += first
      weights.columns = outputs.count
    }
    timed(.quantisation) {
      kernels.quantise(
        input, layer.inputs, rows, layer.inputs, scratch.quantised.base, layer.inputs, scratch.scales.base)
    }
    timed(stage) {
      kernels.multiply_int8(
        ck_activations(values: scratch.quantised.base, stride: layer.inputs, scales: scratch.scales.base),
        rows, weights,
        ck_output(
          values: output + first, stride: layer.outputs, bias: layer.bias + first, epilogue: epilogue))
    }
  }

  private func layerNorm(
    _ norm: QuantisedWeights.Norm, from input: UnsafePointer<Float>, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) {
    timed(.layerNorm) {
      kernels.layer_norm(
        input, width, rows, width, norm.gain, norm.bias, configuration.layerNormEpsilon, output, width)
    }
  }
}
