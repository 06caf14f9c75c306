import Compute
import Testing

@testable import Inspection

@Suite struct GreedyCoresetTests {
  /// One vector a step, every distance anew.
  private func plain(_ count: Int, of vectors: Matrix, start: Int) -> [Int] {
    var chosen = [start]
    while chosen.count < count {
      let similarities = vectors.multiplied(byTransposeOf: vectors.rows(chosen))
      let nearest = (0..<vectors.rows).map { similarities.row($0).max() ?? 0 }
      let open = nearest.indices.filter { !chosen.contains($0) }
      guard let next = open.min(by: { (nearest[$0], $0) < (nearest[$1], $1) }) else { break }
      chosen.append(next)
    }
    return chosen
  }

  /// 700 vectors are more than the pool of a round, so that its barrier matters.
  @Test(arguments: [1, 2, 60, 180]) func roundsChooseWhatSingleStepsChoose(count: Int) throws {
    let vectors = unitVectors(700, 12, seed: 7)
    var steps: [Int] = []
    let selection = try GreedyCoreset.select(count, of: vectors) { steps.append($0) }
    #expect(selection.chosen == plain(count, of: vectors, start: selection.chosen[0]))
    #expect(steps == steps.sorted() && steps.last == count)

    let similarities = vectors.multiplied(byTransposeOf: vectors.rows(selection.chosen))
    let farthest = (0..<vectors.rows).map { 1 - (similarities.row($0).max() ?? 0) }.max() ?? 0
    #expect(abs(selection.radius - farthest) < 1e-6)
  }

  @Test func allVectorsCanBeKept() throws {
    let vectors = unitVectors(600, 8, seed: 8)
    let selection = try GreedyCoreset.select(600, of: vectors)
    #expect(selection.chosen.sorted() == Array(0..<600))
    #expect(selection.radius == 0)
  }

  @Test func equalVectorsAreNoTrap() throws {
    let vectors = Matrix(
      rows: 40, columns: 2, values: (0..<40).flatMap { $0 % 2 == 0 ? [1, 0] : [0, 1] as [Float] })
    let selection = try GreedyCoreset.select(10, of: vectors)
    #expect(Set(selection.chosen).count == 10)
    #expect(selection.radius == 0)
  }
}
