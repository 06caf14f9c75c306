public import Compute

/// CLIP's text tower in float32: prompts to features of the joint embedding.
///
/// The fast path. All prompts' rows go through a layer in one product; every prompt is computed up to its end and no
/// further, and equal beginnings once (`PromptForest`). Both are exact. Products and the rest are kernels of `CKernels`,
/// so the features have the same bits on every instruction set and any number of threads. `ReferenceTextTower` says the
/// same in the order the papers write it.
///
/// It may be called from several threads at once.
public final class TextTower: Sendable {
  public let configuration: TextTowerConfiguration
  /// Channels of a feature.
  public let embeddingWidth: Int
  /// The checkpoint's `logit_scale`, a natural logarithm (about 4.6 where training has converged).
  public let logitScale: Float
  package let weights: TextWeights
  package let path: KernelPath
  package let pool: ThreadPool

  /// Prompts that `features(tokens:)` computes together, so that memory stays bounded.
  private static let batch = 256

  /// Reads the text tower of a model and packs its weights: a third of a second and 240 MB for ViT-B-16-plus-240.
  ///
  /// - Parameters:
  ///   - path: the instruction set to use.
  ///   - pool: the threads that share a layer.
  /// - Throws: `ModelFileError` where the model has no text tower, or one whose widths the kernels cannot take.
  public init(
    model: ModelFile, path: KernelPath = KernelPath.available[0], pool: ThreadPool = ThreadPool()
  ) throws(ModelFileError) {
    try model.checkText()
    guard let configuration = model.text, let embeddingWidth = model.configuration.embeddingWidth else {
      throw ModelFileError(.unsupported, model.url, "The model has no text tower.")
    }
    if let fault = configuration.kernelFault { throw ModelFileError(.unsupported, model.url, fault) }
    self.configuration = configuration
    self.embeddingWidth = embeddingWidth
    logitScale = model.float(TextTowerConfiguration.scaleName)[0]
    weights = TextWeights(model)
    self.path = path
    self.pool = pool
  }

  /// The features of prompts, `tokens.count x embeddingWidth`, not normalised.
  ///
  /// As in CLIP, a prompt's feature is read where its largest id is first (the end of text has the largest of the
  /// vocabulary); what follows does not matter and is not computed.
  /// - Parameter tokens: ids of the vocabulary, at least one and at most `contextLength` a prompt, as
  ///   `Tokenizer.tokens` gives them.
  public func features(tokens: [[Int32]]) -> Matrix {
    var values: [Float] = []
    for first in stride(from: 0, to: tokens.count, by: Self.batch) {
      let prompts = tokens[first..<min(first + Self.batch, tokens.count)].map { ids in
        let end = ids.indices.max { (ids[$0], $1) < (ids[$1], $0) } ?? 0
        return ids[...end].map(PromptToken.word)
      }
      values +=
        features(of: PromptForest(prompts), vectors: Matrix(rows: 0, columns: configuration.width)).values
    }
    return Matrix(rows: tokens.count, columns: embeddingWidth, values: values)
  }

  /// The features of the prompts of a forest, one row a prompt, not normalised.
  ///
  /// - Parameter vectors: what stands for `PromptToken.vector`, one row each, before positions are added.
  public func features(of forest: PromptForest, vectors: Matrix) -> Matrix {
    TextPass(tower: self, forest: forest, keepsBlocks: false).features(vectors: vectors)
  }
}

extension TextTowerConfiguration {
  /// What keeps the float kernels from computing this tower, or nil.
  var kernelFault: String? {
    if width % 16 != 0 || mlpWidth % 16 != 0 || width % heads != 0 || width / heads % 16 != 0 {
      return
        "The text tower's width \(width), its heads' width \(width / max(heads, 1)) and its MLP's width \(mlpWidth) must be "
        + "multiples of 16."
    }
    return nil
  }
}
