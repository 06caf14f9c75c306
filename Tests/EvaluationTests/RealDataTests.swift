import Foundation
import TestSupport
import Testing

/// The tool as a user runs it, on real parts: a guard against a change that costs accuracy. What is reached with which
/// settings is in `docs/accuracy.md`.
@Suite(
  .enabled(if: Repository.inspectionImages != nil, "the inspection images are not beside the checkout"),
  .enabled(if: Repository.defaultModel("int8") != nil, "the default model is not there: run Scripts/test"),
  .enabled(if: Repository.releaseTool != nil, "\(Repository.releaseSkipReason)"))
struct RealDataTests {
  struct Report: Decodable {
    let imageAuroc: Double
    let pixelAuroc: Double
    let aupro: Double
    let framesPerSecond: Double
    let perClass: [String: Product]

    struct Product: Decodable {
      let testGood: Int
      let testDefective: Int
    }
  }

  @Test(arguments: [("mvtec-bottle", 20, 63, 0.99, 0.98), ("aws-cookies", 14, 40, 0.99, 0.94)])
  func `few-shot inspection reaches what it is known to reach`(
    _ data: String, _ good: Int, _ defective: Int, _ image: Double, _ pixel: Double
  ) throws {
    let output = try Oracle.run(
      executable: #require(Repository.releaseTool).path,
      [
        "eval", "--model", #require(Repository.defaultModel("int8")).path, "--data",
        #require(Repository.inspectionImages).appending(path: data).path, "--shots", "1", "--json",
      ])
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let report = try decoder.decode(Report.self, from: output)
    let product = try #require(report.perClass[data])
    #expect(product.testGood == good && product.testDefective == defective)
    #expect(report.imageAuroc > image && report.pixelAuroc > pixel && report.aupro > 0.8)
    #expect(report.framesPerSecond > 0)
  }

  /// `Scripts/reproduce-promptad` from data set to table, on a few pictures laid out like MVTec AD.
  @Test func `the published protocol runs, goes on where it stopped and ends beside published figures`()
    throws
  {
    let folder = try TemporaryFolder()
    let source = try #require(Repository.inspectionImages).appending(path: "mvtec-bottle")
    for part in ["train/good", "test/good", "test/broken_large", "ground_truth/broken_large"] {
      let target = folder.url.appending(path: "data/bottle/\(part)")
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
      for name in ["000", "001", "002"].map({ part.hasPrefix("ground") ? "\($0)_mask.png" : $0 }) {
        let files = try FileManager.default.contentsOfDirectory(
          at: source.appending(path: part), includingPropertiesForKeys: nil)
        let file = try #require(files.first { $0.lastPathComponent.hasPrefix(name) })
        try FileManager.default.copyItem(at: file, to: target.appending(path: file.lastPathComponent))
      }
    }
    let results = folder.url.appending(path: "results")
    func reproduce(_ more: [String] = []) throws -> String {
      let output = try Oracle.run(
        executable: Repository.root.appending(path: "Scripts/reproduce-promptad").path,
        [
          folder.url.appending(path: "data").path, #require(Repository.defaultModel("int8")).path,
          "--results", results.path, "--method", "bank", "--shots", "1", "--seeds", "2",
          "--assayctl", #require(Repository.releaseTool).path,
        ] + more)
      return String(decoding: output, as: UTF8.self)
    }
    let first = try reproduce(["--estimate"])
    #expect(first.contains("2 runs: 1 category, 1 reference, 2 draws each; 0 are done"))
    #expect(first.contains("the other 1 will take about") && !first.contains("[2/2]"))
    // What an interruption cannot leave behind, but a full disk of another program might.
    let second = results.appending(path: "1-shot/seed-1/bottle.json")
    try FileManager.default.createDirectory(
      at: second.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("{".utf8).write(to: second)
    let rest = try reproduce()
    #expect(rest.contains("1 are done") && rest.contains("[2/2]") && !rest.contains("[1/2]"))
    #expect(rest.contains("bottle") && rest.contains("PromptAD (published)") && rest.contains("99.8"))
    let table = try String(contentsOf: results.appending(path: "table.md"), encoding: .utf8)
    #expect(table.contains("| bottle | 3 | 3 | 100.0"))
    #expect(throws: Oracle.Failure.self) { try reproduce(["--protocol", "winclip"]) }
  }
}
