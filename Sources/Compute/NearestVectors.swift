internal import Synchronization

/// One search result.
public struct Neighbour: Sendable, Equatable, BitwiseCopyable {
  /// Row of the stored matrix.
  public let index: Int
  /// Cosine of the query and that row, computed in float32.
  public let similarity: Float

  public init(index: Int, similarity: Float) {
    self.index = index
    self.similarity = similarity
  }
}

/// The nearest of many unit vectors to each of many unit vectors, by cosine: int8 to find, float32 to score.
///
/// Vectors that point the same way stand in groups, and a query is compared with those groups only whose centres are
/// nearest to it (an inverted file: Jégou, Douze and Schmid 2011, section IV.A). Comparisons are in int8, with one scale a
/// vector. For each query the best of every sixteenth vector stays in the race, and those of them that int8
/// cannot tell apart are compared again in float32; so the similarity returned is exact for the vector returned, and the
/// vector is the nearest one or nearly as near. The result has the same bits on every instruction set and any number of
/// threads.
public final class NearestVectors: Sendable {
  /// How vectors are divided.
  public struct Grouping: Sendable {
    /// Groups there are; at least 1.
    public var groups: Int
    /// Groups that a query is compared with, of the nearest ones.
    public var visited: Int

    public init(groups: Int, visited: Int) {
      self.groups = groups
      self.visited = visited
    }

    /// Every query is compared with every vector.
    public static let none = Grouping(groups: 1, visited: 1)

    /// What costs the least, centres and vectors together, when four groups are visited; twice or half as many change no
    /// pixel AUROC by more than 0.04 (docs/performance.md).
    public static func standard(vectors: Int) -> Grouping {
      guard vectors >= 1024 else { return none }
      let visited = 4
      return Grouping(groups: Int(Double(visited * vectors).squareRoot()) / 16 * 16, visited: visited)
    }
  }

  public let vectors: Matrix
  let path: KernelPath
  let pool: ThreadPool
  /// The vectors of each group, next to each other.
  let packed: PackedVectors
  /// The centres of the groups; nil where there is one group only.
  let centres: PackedVectors?
  /// Groups that a query is compared with.
  let visited: Int
  /// That of the last search, unless one uses it now: a recipe's pictures all have the same number of patches.
  let workspace = Mutex<Workspace?>(nil)

  /// - Parameters:
  ///   - vectors: at least one row, each of length 1; the number of columns is a multiple of 16.
  ///   - grouping: not more groups than vectors.
  ///   - path: the instruction set to use.
  ///   - pool: the threads that share a search.
  public init(vectors: Matrix, grouping: Grouping = .none, path: KernelPath, pool: ThreadPool) {
    precondition(
      vectors.rows > 0 && vectors.columns % 16 == 0,
      "A search needs vectors whose length is a multiple of 16, not \(vectors.rows) of length \(vectors.columns)."
    )
    precondition(
      1...vectors.rows ~= grouping.groups && 1...grouping.groups ~= grouping.visited,
      "\(grouping.visited) of \(grouping.groups) groups cannot be visited where there are \(vectors.rows) vectors."
    )
    self.vectors = vectors
    self.path = path
    self.pool = pool
    guard grouping.groups > 1 else {
      visited = 1
      centres = nil
      packed = PackedVectors(vectors, groups: [Array(0..<Int32(vectors.rows))], path: path, pool: pool)
      return
    }
    let means = SphericalKMeans.centres(grouping.groups, of: vectors, path: path, pool: pool)
    var groups = [[Int32]](repeating: [], count: means.rows)
    let nearest = NearestVectors(vectors: means, path: path, pool: pool).search(vectors)
    for (row, neighbour) in nearest.enumerated() { groups[neighbour.index].append(Int32(row)) }
    // No vector may be nearest to a centre: then nobody needs to visit it.
    let used = groups.indices.filter { !groups[$0].isEmpty }
    visited = min(grouping.visited, used.count)
    centres = PackedVectors(means.rows(used), groups: [Array(0..<Int32(used.count))], path: path, pool: pool)
    packed = PackedVectors(vectors, groups: used.map { groups[$0] }, path: path, pool: pool)
  }
}
