import Compute
import Foundation
import Imaging
import TestSupport
import Testing
import Transformer

/// Many pictures at once, and no memory asked for.
@Suite struct EncodeQueueTests {
  @Test func `pictures computed together have the tokens they have alone`() throws {
    let model = try RandomModel(.small()).file(.int8)
    let tower = try QuantisedImageTower(model: model, path: .available[0], pool: ThreadPool(threads: 2))
    // Two sizes and many choices of taps, so that batches form of what goes together and break where it does not.
    let jobs = (0..<12).map { index in
      (
        RandomModel.picture(width: index % 2 == 0 ? 40 : 24, height: 32, seed: UInt64(index)),
        [TokenTap(block: 1 + index % 3, place: TokenTap.Place.allCases[index / 3 % 3])]
          + (index % 4 == 0 ? [TokenTap(block: 1, normalised: false)] : [])
      )
    }
    let expected = try jobs.map { try tower.encode($0.0, taps: $0.1) }
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      var tokens = PatchTokens()
      for round in 0..<30 {
        let job = (thread * 5 + round) % jobs.count
        #expect(throws: Never.self) { try tower.encode(jobs[job].0, taps: jobs[job].1, into: &tokens) }
        #expect(tokens == expected[job])
      }
    }
  }

  /// In the optimised build: what `assayctl bench` says of the default model. A debug build keeps closures in memory that
  /// an optimised one keeps in registers.
  @Test(
    .enabled(if: Repository.defaultModel("int8") != nil, "the default model is not there: run Scripts/test"),
    .enabled(if: Repository.releaseTool != nil, "\(Repository.releaseSkipReason)"),
    arguments: [1, 2])
  func `encoding asks for no memory after the first picture`(_ threads: Int) throws {
    struct Report: Decodable {
      let allocationsPerFrame: Double
    }
    let tool = try #require(Repository.releaseTool)
    let model = try #require(Repository.defaultModel("int8"))
    func blocks(_ frames: Int) throws -> Double {
      let output = try Oracle.run(
        executable: tool.path,
        [
          "bench", "--model", model.path, "--threads", "\(threads)", "--frames", "\(frames)", "--side", "112",
          "--json",
        ])
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Report.self, from: output).allocationsPerFrame * Double(frames)
    }
    // A few blocks belong to the measurement; none belongs to a frame.
    #expect(try blocks(60) == blocks(20))
  }
}
