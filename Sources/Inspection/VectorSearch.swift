public import Compute

/// Finds, for each query, the bank vector with the highest cosine.
///
/// Both sides are L2-normalised, so a cosine is a dot product.
protocol VectorSearch: Sendable {
  /// One entry a query row, in order; of equal similarities the lowest index.
  func search(_ queries: Matrix) -> [Neighbour]
}

extension NearestVectors: VectorSearch {}

/// How the nearest vectors of a bank are found.
public enum VectorSearchMethod: Sendable {
  /// In float32 through OpenBLAS, every vector against every query. Its last bits depend on the processor.
  case reference
  /// `Compute.NearestVectors`: int8 to find, float32 to score, the same bits on every processor. What verdicts are
  /// made with.
  case quantised(KernelPath, ThreadPool)

  func prepare(_ vectors: Matrix) -> any VectorSearch {
    switch self {
    // Its lanes are sixteen wide; no vision transformer in use has another width, so odd ones need no speed.
    case .quantised(let path, let pool) where vectors.columns.isMultiple(of: 16):
      NearestVectors(vectors: vectors, grouping: .standard(vectors: vectors.rows), path: path, pool: pool)
    case .reference, .quantised:
      ReferenceVectorSearch(vectors: vectors)
    }
  }
}

/// The search as a matrix product: what faster ones are compared with.
struct ReferenceVectorSearch: VectorSearch {
  /// The vectors, cut so that a block's similarities to a picture's patches stay small.
  private let blocks: [Matrix]
  private static let blockRows = 1024

  init(vectors: Matrix) {
    blocks = stride(from: 0, to: vectors.rows, by: Self.blockRows).map {
      vectors.rows($0..<min($0 + Self.blockRows, vectors.rows))
    }
  }

  func search(_ queries: Matrix) -> [Neighbour] {
    var best = [Neighbour](repeating: Neighbour(index: 0, similarity: -.infinity), count: queries.rows)
    for (block, vectors) in blocks.enumerated() {
      // queries.rows x vectors.rows
      let similarities = queries.multiplied(byTransposeOf: vectors)
      for query in 0..<queries.rows {
        for (offset, similarity) in similarities.row(query).enumerated()
        where similarity > best[query].similarity {
          best[query] = Neighbour(index: block * Self.blockRows + offset, similarity: similarity)
        }
      }
    }
    return best
  }
}
