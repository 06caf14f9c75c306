public import Compute

/// The text tower in float32 and in the order the papers write it: one prompt at a time, the whole context, the mask
/// written out. Short enough to read, and what the fast path and its gradients are measured against. Matrix products are
/// OpenBLAS's.
public final class ReferenceTextTower: Sendable {
  public let configuration: TextTowerConfiguration
  private let model: ModelFile

  /// - Throws: `ModelFileError` where the model has no text tower.
  public init(model: ModelFile) throws(ModelFileError) {
    try model.checkText()
    guard let configuration = model.text else {
      throw ModelFileError(.unsupported, model.url, "The model has no text tower.")
    }
    self.configuration = configuration
    self.model = model
  }

  /// The feature of one prompt, `1 x embedding width`, not normalised.
  ///
  /// - Parameters:
  ///   - embeddings: the vectors of all tokens, padding included, before positions are added.
  ///   - end: the row that the feature is read at.
  public func feature(of embeddings: Matrix, end: Int) -> Matrix {
    let hidden = blockOutputs(of: embeddings).last ?? embeddings
    let last = Matrix(rows: 1, columns: hidden.columns, values: Array(hidden.row(end)))
    return normalised(last, "text.norm").multiplied(byTransposeOf: model.matrix("text.projection"))
  }

  /// The residual stream after each block.
  public func blockOutputs(of embeddings: Matrix) -> [Matrix] {
    let position = model.vector("text.position").prefix(embeddings.values.count)
    var tokens =
      embeddings + Matrix(rows: embeddings.rows, columns: embeddings.columns, values: Array(position))
    return (0..<configuration.depth).map { block in
      let name = "text.blocks.\(block)"
      tokens = tokens + attention(normalised(tokens, "\(name).norm1"), "\(name).attention")
      tokens = tokens + mlp(normalised(tokens, "\(name).norm2"), "\(name).mlp")
      return tokens
    }
  }

  /// The features of prompts, each filled up with zeros to the whole context, as CLIP computes them.
  public func features(tokens: [[Int32]]) -> Matrix {
    let embedding = model.matrix("text.embedding")
    let features = tokens.map { ids -> Matrix in
      let padded = ids + [Int32](repeating: 0, count: configuration.contextLength - ids.count)
      let vectors = Matrix(
        rows: padded.count, columns: embedding.columns, values: padded.flatMap { embedding.row(Int($0)) })
      return feature(of: vectors, end: padded.firstIndex(of: padded.max() ?? 0) ?? 0)
    }
    return Matrix(
      rows: tokens.count, columns: features.first?.columns ?? 0, values: features.flatMap(\.values))
  }

  private func attention(_ input: Matrix, _ name: String) -> Matrix {
    let width = configuration.width
    let headWidth = width / configuration.heads
    let qkv = linear(input, "\(name).qkv")  // tokens x 3 width: queries, keys, values
    var heads = Matrix(rows: input.rows, columns: width)
    for head in 0..<configuration.heads {
      let columns = head * headWidth..<(head + 1) * headWidth
      let queries = qkv.columns(columns)
      let keys = qkv.columns(width + columns.lowerBound..<width + columns.upperBound)
      let values = qkv.columns(2 * width + columns.lowerBound..<2 * width + columns.upperBound)
      var scores = queries.multiplied(byTransposeOf: keys)
      for row in 0..<input.rows {
        for column in 0..<input.rows {
          scores[row, column] =
            column > row ? -.infinity : scores[row, column] / Float(headWidth).squareRoot()
        }
      }
      let mixed = scores.softmax().multiplied(by: values)
      for row in 0..<input.rows {
        for column in 0..<headWidth { heads[row, columns.lowerBound + column] = mixed[row, column] }
      }
    }
    return linear(heads, "\(name).out")
  }

  private func mlp(_ input: Matrix, _ name: String) -> Matrix {
    let hidden = linear(input, "\(name).in")
    return linear(configuration.activation == .gelu ? hidden.gelu() : hidden.quickGELU(), "\(name).out")
  }

  private func linear(_ input: Matrix, _ name: String) -> Matrix {
    input.multiplied(byTransposeOf: model.matrix("\(name).weight"))
      .adding(bias: model.vector("\(name).bias"))
  }

  private func normalised(_ input: Matrix, _ name: String) -> Matrix {
    input.layerNormalised(
      gain: model.vector("\(name).weight"), bias: model.vector("\(name).bias"),
      epsilon: configuration.layerNormEpsilon)
  }
}
