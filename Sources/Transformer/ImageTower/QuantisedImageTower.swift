public import Compute
internal import Foundation
public import Imaging
internal import Synchronization

/// The image tower in int8: weights int8 with one scale an output channel, activations int8 with one scale a token,
/// sums exact in int32; queries, keys and values int8 with one scale a token and head; patch embedding, LayerNorm, softmax, GELU,
/// the residual stream and the projection to the joint embedding in float32.
///
/// Its output is the same, bit for bit, whatever the instruction set, the number of threads and the pictures computed
/// beside it. Pictures that wait for the compute threads are computed together (`EncodeQueue`).
public final class QuantisedImageTower: ImageEncoder {
  public let configuration: ImageTowerConfiguration
  public let modelHash: String
  public let path: KernelPath
  let model: ModelFile
  public let pool: ThreadPool
  let weights: QuantisedWeights
  private let queue = EncodeQueue()
  let workspaces = WorkspaceStore()
  /// Set while a profile is taken.
  let stageClock = Mutex<StageClock?>(nil)

  /// - Parameters:
  ///   - model: an int8 model file whose widths are multiples of 16.
  ///   - pool: the threads it works on, shared with whoever else uses the pool.
  /// - Throws: `QuantisedTowerError` where the kernels cannot run this architecture.
  public init(model: ModelFile, path: KernelPath, pool: ThreadPool) throws(QuantisedTowerError) {
    let configuration = model.configuration
    guard model.precision == .int8 else { throw .notQuantised(file: model.url.path) }
    let headWidth = configuration.width / configuration.heads
    for (name, value) in [
      ("width", configuration.width), ("MLP width", configuration.mlpWidth), ("head width", headWidth),
      ("embedding width", configuration.embeddingWidth ?? 0),
    ]
    where value % 16 != 0 {
      throw .indivisible(name: name, value: value)
    }
    self.configuration = configuration
    self.model = model
    self.path = path
    self.pool = pool
    modelHash = model.hash
    weights = QuantisedWeights(model: model)
  }

  public func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens {
    var tokens = PatchTokens()
    try encode(picture, taps: taps, into: &tokens)
    return tokens
  }

  /// Encodes without asking for memory, where the tokens are those of an earlier picture of the same size and taps.
  public func encode(_ picture: Picture, taps: [TokenTap], into tokens: inout PatchTokens)
    throws(EncoderError)
  {
    let grid = try configuration.grid(for: picture, taps: taps)
    queue.encode(picture, taps: taps, grid: grid, into: &tokens) { encode($0) }
  }

  /// Encodes a picture so many times, reading the clock around every step, which costs little but not nothing: for
  /// shares and rates, not for the time of a frame.
  ///
  /// Nothing else may be encoded meanwhile: it would be counted too.
  public func profile(_ picture: Picture, taps: [TokenTap], frames: Int) throws(EncoderError) -> EncodeProfile
  {
    let grid = try configuration.grid(for: picture, taps: taps)
    let clock = StageClock(threads: pool.threads, blocks: configuration.depth)
    stageClock.withLock { $0 = clock }
    defer { stageClock.withLock { $0 = nil } }
    var tokens = PatchTokens()
    for _ in 0..<frames { try encode(picture, taps: taps, into: &tokens) }
    return clock.profile(configuration, patches: grid.count, taps: taps, frames: frames)
  }
}

/// Why a model file cannot run in int8.
public enum QuantisedTowerError: Error, Equatable, CustomStringConvertible {
  case notQuantised(file: String)
  case indivisible(name: String, value: Int)

  public var description: String {
    switch self {
    case .notQuantised(let file):
      "\(file) holds float32 weights: import the checkpoint with --precision int8, or ask for the float32 reference."
    case .indivisible(let name, let value):
      "The model's \(name) of \(value) is not a multiple of 16, which the int8 kernels need: use the float32 model."
    }
  }
}
