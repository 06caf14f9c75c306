internal import CKernels
internal import Synchronization

extension NearestVectors {
  /// Queries a thread takes at a time, and vectors they are compared with before the next are read: the vectors of
  /// one step stay in the second-level cache.
  private static let queryChunk = 48
  private static let vectorChunk = 1024
  /// Candidates whose int8 cosines are within this of the best are compared in float32. The error of an int8 cosine
  /// of 384 channels is about 0.003 (one standard deviation).
  private static let margin: Float = 0.01

  /// The nearest stored vector of each row of `queries`, which have length 1.
  public func search(_ queries: Matrix) -> [Neighbour] {
    precondition(
      queries.columns == vectors.columns, "Queries have \(queries.columns) channels, not \(vectors.columns).")
    guard let kernels = path.kernels else { preconditionFailure("The path was checked when it was chosen.") }
    let idle = workspace.withLock { workspace in
      defer { workspace = nil }
      return workspace
    }
    let workspace =
      idle.flatMap { $0.queries == queries.rows ? $0 : nil } ?? Workspace(queries: queries.rows, of: self)
    pool.run(Search(index: self, queries: queries, workspace: workspace, kernels: kernels))
    defer { self.workspace.withLock { $0 = workspace } }
    return Array(workspace.found.elements)
  }

  /// What a search writes.
  final class Workspace: Sendable {
    let queries: Int
    fileprivate let quantised: AlignedBuffer<UInt8>
    fileprivate let scales: AlignedBuffer<Float>
    /// The groups that each query visits.
    fileprivate let visits: AlignedBuffer<Int32>
    /// The visits of each group, next to each other: `query * visited + visit`.
    fileprivate let order: AlignedBuffer<Int32>
    /// Where in `order` each group begins, and where the last one ends.
    fileprivate let starts: AlignedBuffer<Int32>
    /// For each visit, in the order of the queries, the best sixteen cosines and their columns.
    fileprivate let best: AlignedBuffer<Float>
    fileprivate let columns: AlignedBuffer<Int32>
    fileprivate let found: AlignedBuffer<Neighbour>

    init(queries: Int, of index: NearestVectors) {
      self.queries = queries
      let visits = queries * index.visited
      quantised = AlignedBuffer(count: queries * index.packed.depth)
      scales = AlignedBuffer(count: queries)
      self.visits = AlignedBuffer(count: visits)
      order = AlignedBuffer(count: visits)
      starts = AlignedBuffer(count: index.packed.groups.count + 1)
      best = AlignedBuffer(count: visits * 16)
      columns = AlignedBuffer(count: visits * 16)
      found = AlignedBuffer(count: queries)
    }
  }

  private final class Search: PoolJob {
    let index: NearestVectors
    let queries: Matrix
    let workspace: Workspace
    nonisolated(unsafe) let kernels: ck_kernels

    init(index: NearestVectors, queries: Matrix, workspace: Workspace, kernels: ck_kernels) {
      self.index = index
      self.queries = queries
      self.workspace = workspace
      self.kernels = kernels
    }

    func work(_ worker: Worker) {
      let chunks = (queries.rows + queryChunk - 1) / queryChunk
      worker.forEach(chunks) { chunk in
        quantise(rows(chunk))
        chooseGroups(rows(chunk))
      }
      worker.forEach(1) { _ in orderVisits() }
      if index.centres == nil {
        worker.forEach(chunks) { compare(group: 0, rows($0)) }
      } else {
        worker.forEach(index.packed.groups.count) { group in
          let visits = Int(workspace.starts.base[group])..<Int(workspace.starts.base[group + 1])
          for first in stride(from: visits.lowerBound, to: visits.upperBound, by: queryChunk) {
            compare(group: group, first..<min(first + queryChunk, visits.upperBound))
          }
        }
      }
      worker.forEach(chunks) { for query in rows($0) { settle(query) } }
    }

    private func rows(_ chunk: Int) -> Range<Int> {
      chunk * queryChunk..<min((chunk + 1) * queryChunk, queries.rows)
    }

    private func quantise(_ rows: Range<Int>) {
      let depth = queries.columns
      queries.values.withUnsafeBufferPointer { values in
        guard let values = values.baseAddress else { return }
        kernels.quantise(
          values + rows.lowerBound * depth, depth, rows.count, depth,
          workspace.quantised.base + rows.lowerBound * depth, depth, workspace.scales.base + rows.lowerBound)
      }
    }

    /// Chooses the groups with the nearest centres, the nearest first.
    private func chooseGroups(_ rows: Range<Int>) {
      guard let centres = index.centres else { return }
      let depth = queries.columns
      let columns = centres.rows.count
      withUnsafeTemporaryAllocation(byteCount: (rows.count + 1) * columns * 4, alignment: 64) { scratch in
        let cosines = scratch.bindMemory(to: Float.self)
        guard let base = cosines.baseAddress else { return }
        let bias = base + rows.count * columns
        bias.update(repeating: 0, count: columns)
        kernels.multiply_int8(
          ck_activations(
            values: workspace.quantised.base + rows.lowerBound * depth, stride: depth,
            scales: workspace.scales.base + rows.lowerBound), rows.count,
          centres.weights(0..<columns),
          ck_output(values: base, stride: columns, bias: bias, epilogue: CK_STORE))
        for (slot, row) in rows.enumerated() {
          choose(base + slot * columns, workspace.visits.base + row * index.visited)
        }
      }
    }

    /// The groups of the largest numbers, of equal ones the first, in descending order.
    ///
    /// - Parameter cosines: of the groups, up to a multiple of 16.
    private func choose(_ cosines: UnsafeMutablePointer<Float>, _ chosen: UnsafeMutablePointer<Int32>) {
      let wanted = index.visited
      var count = 0
      var least = -Float.infinity
      for first in stride(from: 0, to: index.packed.groups.count, by: 16) {
        let sixteen = UnsafeRawPointer(cosines + first).load(as: SIMD16<Float>.self)
        guard count < wanted || any(sixteen .> least) else { continue }
        for group in first..<min(first + 16, index.packed.groups.count) where cosines[group] > least {
          var place = min(count, wanted - 1)
          while place > 0, cosines[group] > cosines[Int(chosen[place - 1])] {
            chosen[place] = chosen[place - 1]
            place -= 1
          }
          chosen[place] = Int32(group)
          count = min(count + 1, wanted)
          if count == wanted { least = cosines[Int(chosen[wanted - 1])] }
        }
      }
    }

    /// Brings the visits of each group together.
    private func orderVisits() {
      let starts = workspace.starts.elements
      let visits = workspace.visits.elements
      starts.update(repeating: 0)
      for group in visits { starts[Int(group)] += 1 }
      var end: Int32 = 0
      for group in starts.indices {
        end += starts[group]
        starts[group] = end
      }
      for visit in visits.indices.reversed() {
        let group = Int(visits[visit])
        starts[group] -= 1
        workspace.order.base[Int(starts[group])] = Int32(visit)
      }
    }

    /// - Parameter visits: of `order`.
    private func compare(group: Int, _ visits: Range<Int>) {
      let depth = queries.columns
      let bytes = depth + 4 + 16 * 8
      withUnsafeTemporaryAllocation(byteCount: visits.count * bytes, alignment: 64) { scratch in
        guard let base = scratch.baseAddress else { return }
        let best = base.bindMemory(to: Float.self, capacity: visits.count * 16)
        let columns = (base + visits.count * 64).bindMemory(to: Int32.self, capacity: visits.count * 16)
        let scales = (base + visits.count * 128).bindMemory(to: Float.self, capacity: visits.count)
        let values = (base + visits.count * 132).bindMemory(to: UInt8.self, capacity: visits.count * depth)
        best.update(repeating: -.infinity, count: visits.count * 16)
        for (slot, visit) in visits.enumerated() {
          let query = Int(workspace.order.base[visit]) / index.visited
          (values + slot * depth).update(from: workspace.quantised.base + query * depth, count: depth)
          scales[slot] = workspace.scales.base[query]
        }
        let group = index.packed.groups[group]
        for first in stride(from: group.lowerBound, to: group.upperBound, by: vectorChunk) {
          kernels.maximise_int8(
            ck_activations(values: values, stride: depth, scales: scales), visits.count,
            index.packed.weights(first..<min(first + vectorChunk, group.upperBound)), Int32(first), best,
            columns)
        }
        for (slot, visit) in visits.enumerated() {
          let target = Int(workspace.order.base[visit]) * 16
          (workspace.best.base + target).update(from: best + slot * 16, count: 16)
          (workspace.columns.base + target).update(from: columns + slot * 16, count: 16)
        }
      }
    }

    /// Compares in float32 those of a query's candidates that are near the best.
    private func settle(_ query: Int) {
      let visits = query * index.visited..<(query + 1) * index.visited
      var best = SIMD16<Float>(repeating: -.infinity)
      var columns = SIMD16<Int32>()
      for visit in visits {
        let cosines = UnsafeRawPointer(workspace.best.base + visit * 16).load(as: SIMD16<Float>.self)
        let theirs = UnsafeRawPointer(workspace.columns.base + visit * 16).load(as: SIMD16<Int32>.self)
        let isBetter = cosines .> best
        best.replace(with: cosines, where: isBetter)
        columns.replace(with: theirs, where: isBetter)
      }
      let limit = best.max() - margin / workspace.scales.base[query]
      var winner = Neighbour(index: 0, similarity: -.infinity)
      for lane in 0..<16 where best[lane] >= limit {
        let candidate = Int(index.packed.rows[Int(columns[lane])])
        let similarity = index.vectors.innerProduct(ofRow: candidate, with: queries, row: query)
        if similarity > winner.similarity || (similarity == winner.similarity && candidate < winner.index) {
          winner = Neighbour(index: candidate, similarity: similarity)
        }
      }
      workspace.found.base[query] = winner
    }
  }
}
