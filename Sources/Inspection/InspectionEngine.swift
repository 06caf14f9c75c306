public import Compute
public import Foundation
public import Transformer

/// A model made ready to inspect with, and what it runs on: shared by all lines of a station.
public struct InspectionEngine: Sendable {
  public let encoder: any ImageEncoder
  public let search: VectorSearchMethod
  /// What it runs on, for people: the name of a `KernelPath`, or `openblas`.
  public let instructionSet: String
  /// The file it came from, whose text tower turns words into prototypes; nil for an encoder without a file.
  public let model: ModelFile?

  public init(
    encoder: any ImageEncoder, search: VectorSearchMethod, instructionSet: String, model: ModelFile? = nil
  ) {
    self.encoder = encoder
    self.model = model
    self.search = search
    self.instructionSet = instructionSet
  }

  /// Loads a model: int8 files run on the kernels, float32 files on the reference.
  ///
  /// - Parameters:
  ///   - threads: compute threads; nil takes one a processor.
  ///   - kernels: the instruction set; nil takes the one in `ASSAYD_KERNELS`, or the fastest.
  ///   - reference: run the float32 reference whatever the file's precision.
  /// - Throws: `ModelFileError`, `QuantisedTowerError`, or `KernelPathError` for a wrong `ASSAYD_KERNELS`.
  public init(modelFile: URL, threads: Int? = nil, kernels: KernelPath? = nil, reference: Bool = false) throws
  {
    let model = try ModelFile(contentsOf: modelFile)
    let path = try kernels ?? KernelPath.preferred()
    let threads = threads ?? ThreadPool.processorCount
    if model.precision == .int8, !reference {
      let pool = ThreadPool(threads: threads)
      let encoder = try QuantisedImageTower(model: model, path: path, pool: pool)
      self.init(
        encoder: encoder, search: .quantised(path, pool), instructionSet: path.rawValue, model: model)
    } else {
      setBLASThreads(threads)
      self.init(
        encoder: ReferenceImageTower(model: model), search: .reference, instructionSet: "openblas",
        model: model)
    }
  }
}
