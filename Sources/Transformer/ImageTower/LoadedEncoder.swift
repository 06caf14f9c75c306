public import Compute
public import Foundation

/// A model file made ready to encode: int8 files on the kernels, float32 files on the reference.
public struct LoadedEncoder: Sendable {
  public let model: ModelFile
  public let encoder: any ImageEncoder
  /// The instruction set of the kernels: what the encoder runs on unless it is the reference, and what bank searches
  /// run on always.
  public let path: KernelPath
  public let pool: ThreadPool
  /// For people and messages: a `KernelPath`'s name, or `openblas` for the reference.
  public let instructionSet: String

  /// - Parameters:
  ///   - threads: compute threads; nil: one a processor.
  ///   - kernels: nil: the one in `ASSAYD_KERNELS`, or the fastest.
  ///   - reference: run the float32 reference whatever the file's precision.
  /// - Throws: `ModelFileError`, `QuantisedTowerError`, `KernelPathError`.
  public init(contentsOf url: URL, threads: Int? = nil, kernels: KernelPath? = nil, reference: Bool = false) throws {
    let threads = threads ?? ThreadPool.processorCount
    model = try ModelFile(contentsOf: url)
    path = try kernels ?? KernelPath.preferred()
    pool = ThreadPool(threads: threads)
    if model.precision == .int8, !reference {
      encoder = try QuantisedImageTower(model: model, path: path, pool: pool)
      instructionSet = path.rawValue
    } else {
      setBLASThreads(threads)
      encoder = ReferenceImageTower(model: model)
      instructionSet = "openblas"
    }
  }
}
