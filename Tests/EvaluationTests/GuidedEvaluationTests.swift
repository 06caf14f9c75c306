import Compute
import Foundation
import Imaging
import Inspection
import PromptLearning
import TestSupport
import Testing
import Transformer

@testable import Evaluation

/// Methods that need words, with a small random CLIP: its words mean nothing, but what is far from the references is found by
/// its memory.
@Suite struct GuidedEvaluationTests {
  private let made: MadeProduct
  private let random: RandomModel

  init() throws {
    made = try MadeProduct()
    random = try RandomModel()
  }

  private func evaluation(
    _ method: EvaluationMethod, shots: Int, seeds: [UInt64] = [0], steps: Int = 4
  ) throws -> FewShotEvaluation {
    var learning = LearningOptions()
    learning.steps = steps
    return FewShotEvaluation(
      encoder: ReferenceImageTower(model: random.model), search: .reference,
      options: EvaluationOptions(
        method: method, shots: shots, seeds: seeds, pixels: .promptAD, learning: learning),
      writer: try PromptWriter(
        model: random.model, path: KernelPath.available[0], pool: ThreadPool(threads: 2)))
  }

  private func products() throws -> DataSet { try DataSet(contentsOf: made.folder.url) }

  @Test(arguments: [1, 2]) func `PromptAD is measured, and repeats`(shots: Int) throws {
    let evaluation = try evaluation(.promptAD, shots: shots)
    var stages: [EvaluationProgress.Stage] = []
    let (report, results) = try evaluation.run(try products()) { stages.append($0.stage) }
    #expect(stages.contains(.learning(done: 4, of: 4)))
    #expect(report.settings.method == .promptAD && report.settings.learning?.steps == 4)
    #expect(report.settings.scoring.inputWidth == 70 && report.settings.scoring.views == .one)
    #expect(report.settings.scoring.taps.map(\.block) == [1, 3])
    #expect(report.settings.scoring.taps.allSatisfy { $0.place == .attention && !$0.normalised })
    let plate = try #require(report.perClass["plate"])
    #expect((plate.measured[.imageAUROC] ?? 0) > 0.9, "\(plate.measured)")
    #expect((plate.measured[.pixelAUROC] ?? 0) > 0.7, "\(plate.measured)")
    #expect(plate.undecidable == 1)
    #expect(results[0].calibration.evidence == (shots == 1 ? .heldOutViews : .leaveOneOut))
    let again = try evaluation.run(try products()).results[0]
    #expect(again.outcomes.map(\.score) == results[0].outcomes.map(\.score))
  }

  @Test func `learning starts from other vectors with each draw, and released rules learn otherwise`() throws
  {
    let scores = { (seed: UInt64, parity: PromptADParity) in
      var evaluation = try self.evaluation(.promptAD, shots: 6)
      var options = evaluation.options
      options.seeds = [seed]
      options.learning = LearningOptions(parity: parity)
      options.learning.steps = 2
      evaluation = FewShotEvaluation(
        encoder: evaluation.encoder, search: .reference, options: options, writer: evaluation.writer)
      // All six good parts are drawn: only the order and the vectors differ.
      return try evaluation.run(try self.products()).results[0].outcomes.map(\.score)
    }
    let first = try scores(0, .corrected)
    #expect(try scores(1, .corrected) != first)
    #expect(try scores(0, .released) != first)
  }

  @Test func `words as written judge beside a bank`() throws {
    let (report, results) = try evaluation(.zeroShotBank, shots: 2).run(try products())
    #expect(report.settings.learning == nil && report.settings.shots == 2)
    #expect((report.measured[.imageAUROC] ?? 0) > 0.9, "\(report.measured)")
    #expect(results[0].calibration.evidence == .leaveOneOut)
  }

  @Test func `words alone take no reference and have a written threshold`() throws {
    let (report, results) = try evaluation(.zeroShot, shots: 0).run(try products())
    let plate = try #require(report.perClass["plate"])
    #expect(plate.references.isEmpty && plate.testGood == 5 && plate.threshold == 0.5)
    #expect(plate.measured[.imageAUROC] != nil && plate.measured[.aupro] != nil)
    #expect(results[0].outcomes.compactMap(\.score).allSatisfy { (0...1).contains($0) })
    let tables = EvaluationTables(report)
    #expect(tables.title == "Method zero-shot, no reference; in percent")
    #expect(tables.notes.contains { $0.contains("nothing is calibrated") })
    let page = try EvaluationPage(title: "plates", report: report, results: results).html()
    #expect(page.contains(">No reference.") && !page.contains("References:"))
    #expect(try CalibrationPlot(results[0].calibration).picture().width == CalibrationPlot.width)
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(EvaluationReport.self, from: data) == report)
  }

  @Test(arguments: [(EvaluationMethod.zeroShot, 1), (.promptAD, 0), (.bank, 0)])
  func `references are given where they are needed, and nowhere else`(method: EvaluationMethod, shots: Int)
    throws
  {
    let error = #expect(throws: DataSetError.self) {
      try evaluation(method, shots: shots).run(try products())
    }
    #expect(error?.description.contains("references: choose") == true)
  }

  @Test(arguments: EvaluationMethod.allCases.filter(\.needsText))
  func `without a text tower it is refused`(method: EvaluationMethod) throws {
    let evaluation = FewShotEvaluation(
      encoder: ReferenceImageTower(model: random.model), search: .reference,
      options: EvaluationOptions(method: method, shots: method.needsReferences ? 1 : 0))
    let error = #expect(throws: DataSetError.self) { try evaluation.run(try products()) }
    #expect(error?.description.contains("text tower") == true)
  }
}
