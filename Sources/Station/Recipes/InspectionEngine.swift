import Compute
public import Foundation
public import Inspection
public import Transformer

/// What all lines compute with: the model, the search for nearest vectors, and the threads they share.
public struct InspectionEngine: Sendable {
  public let encoder: any ImageEncoder
  public let search: VectorSearchMethod
  /// What it runs on, for people: the name of a `KernelPath`, or `openblas`.
  public let instructionSet: String

  public init(encoder: any ImageEncoder, search: VectorSearchMethod, instructionSet: String) {
    self.encoder = encoder
    self.search = search
    self.instructionSet = instructionSet
  }

  /// Loads a model as the fastest implementation there is for its precision.
  ///
  /// - Parameter threads: compute threads; nil takes one a processor.
  /// - Throws: `ModelFileError`, `QuantisedTowerError`, or `KernelPathError` for a wrong `ASSAYD_KERNELS`.
  public init(modelFile: URL, threads: Int?) throws {
    let model = try ModelFile(contentsOf: modelFile)
    let path = try KernelPath.preferred()
    let pool = ThreadPool(threads: threads ?? ThreadPool.processorCount)
    switch model.precision {
    case .int8:
      let encoder = try QuantisedImageTower(model: model, path: path, pool: pool)
      self.init(encoder: encoder, search: .quantised(path, pool), instructionSet: path.rawValue)
    case .float32:
      setBLASThreads(pool.threads)
      self.init(
        encoder: ReferenceImageTower(model: model), search: .quantised(path, pool), instructionSet: "openblas"
      )
    }
  }
}
