import Foundation
import TestSupport
import Testing

/// The tool as a user runs it, on real parts: a guard against a change that costs accuracy. What is reached with which
/// settings is in `docs/accuracy.md`.
@Suite(
  .enabled(if: Repository.inspectionImages != nil, "the inspection images are not beside the checkout"),
  .enabled(if: Repository.defaultModel("int8") != nil, "the default model is not there: run Scripts/test"),
  .enabled(if: Repository.releaseTool != nil, "the release build is not there: run Scripts/test"))
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
}
