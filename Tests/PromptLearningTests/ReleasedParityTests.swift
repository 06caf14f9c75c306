import Compute
import Foundation
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

/// What the released PromptAD computes, number by number (`shared/reference/fixtures`), within the limits stated there.
@Suite(.enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"))
struct ReleasedParityTests {
  let shared: FixtureTower
  var fixture: PromptADFixture { shared.fixture }

  init() throws { shared = try FixtureTower.shared.get() }

  @Test func `a prompt's embeddings and every block's output`() throws {
    let prompt = try shared.prompts("cls").prompts[0]
    let vectors = try shared.vectors("fx.cls.P0", "fx.cls.A0")
    let pass = TextPass(tower: shared.tower, forest: PromptForest([prompt]), keepsBlocks: true)
    _ = pass.features(vectors: vectors)
    let width = shared.tower.configuration.width
    func matrix(_ buffer: AlignedBuffer<Float>) -> Matrix {
      Matrix(rows: prompt.count, columns: width, values: Array(buffer.elements))
    }
    let input = matrix(pass.blocks[0].input)
    #expect(input.largestDifference(from: try fixture.matrix("fx.dbg.text_x0")) < 1e-6)
    let position = shared.model.matrix("text.position")
    var raw = input
    for index in raw.values.indices { raw.values[index] -= position.values[index] }
    let reference = try ReferenceTextTower(model: shared.model).blockOutputs(of: raw)
    for block in 0..<shared.tower.configuration.depth {
      let wanted = try fixture.matrix("fx.dbg.text_h", at: block)
      #expect(reference[block].largestDifference(from: wanted) < 1e-4)
      if block + 1 < pass.blocks.count {
        #expect(matrix(pass.blocks[block + 1].input).largestDifference(from: wanted) < 1e-4)
      }
    }
  }

  @Test(arguments: ["cls", "seg", "segch"])
  func `text features before the first step`(_ task: String) throws {
    let training = try shared.training(task)
    let features = training.features()[0]
    let wanted = try ["np", "map", "lap"].flatMap { try fixture.floats("fx.\(task).feat0.\($0)") }
    let matrix = Matrix(rows: features.rows, columns: 64, values: wanted)
    #expect(features.largestDifference(from: matrix) < 3e-5)
    let prototypes = PrototypeVectors(features, training.members[0].set).matrix
    #expect(prototypes.largestDifference(from: try fixture.matrix("fx.\(task).proto.0")) < 3e-6)
  }

  @Test func `the learning rate of every step`() throws {
    let options = LearningOptions(parity: .released)
    for (step, rate) in try fixture.floats("fx.cls.lr").enumerated() {
      #expect(abs(options.rate(step: step) - Double(rate)) < 1e-9)
    }
  }

  @Test(arguments: ["cls", "seg", "segch"])
  func `losses, gradients, vectors and prototypes over 100 steps`(_ task: String) throws {
    var training = try shared.training(task)
    let limits: [Int: (vectors: Float, prototypes: Float)] = [
      1: (5e-7, 3e-6), 2: (5e-7, 3e-6), 10: (1e-6, 3e-6), 100: (1e-5, 1e-5),
    ]
    let losses = try fixture.matrix("fx.\(task).losses")
    while training.step < 100 {
      training.advance()
      let step = training.step
      let member = training.members[0]
      if step <= 2 {
        let gradient = try shared.vectors("fx.\(task).grad\(step).P", "fx.\(task).grad\(step).A")
        let found = try #require(member.gradient)
        #expect(found.largestDifference(from: gradient) < 3e-5, "gradient of step \(step)")
      }
      let found = try #require(member.losses.last)
      for (index, value) in [found.total, found.contrast, found.margin, found.alignment].enumerated() {
        #expect(abs(value - Double(losses[step - 1, index])) < 2e-5, "loss \(index) of step \(step)")
      }
      guard let limit = limits[step] else { continue }
      let vectors = try shared.vectors("fx.\(task).P.\(step)", "fx.\(task).A.\(step)")
      #expect(member.vectors.largestDifference(from: vectors) < limit.vectors, "vectors after step \(step)")
      let prototypes = PrototypeVectors(training.features()[0], member.set).matrix
      let wanted = try fixture.matrix("fx.\(task).proto.\(step)")
      #expect(prototypes.largestDifference(from: wanted) < limit.prototypes, "prototypes after step \(step)")
    }
  }
}
