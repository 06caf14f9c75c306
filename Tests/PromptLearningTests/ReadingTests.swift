import Compute
import Foundation
import Inspection
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

/// How far each reading of the paper leads away from the released code in 100 steps of the fixture: the figures that
/// `docs/promptad.md` states.
@Suite(.enabled(if: PromptADFixture.isAvailable, "\(PromptADFixture.skipReason)"))
struct ReadingTests {
  struct Effect: Sendable, CustomTestStringConvertible {
    let task: String
    let name: String
    var margin: PromptADRules.Margin?
    var moved = false
    var scale: Float?
    /// Degrees between the normal, and the abnormal, prototypes of both.
    let normal: Double
    let abnormal: Double
    /// Steps in which the margin is not zero.
    let active: Int
    var testDescription: String { "\(task), \(name)" }
  }

  static let effects = [
    Effect(
      task: "cls", name: "Euclidean margin", margin: .euclidean, normal: 0.18, abnormal: 0.13, active: 1),
    Effect(task: "cls", name: "vector behind the name", moved: true, normal: 3.60, abnormal: 3.76, active: 2),
    Effect(
      task: "seg", name: "Euclidean margin", margin: .euclidean, normal: 9.25, abnormal: 8.63, active: 4),
    Effect(
      task: "seg", name: "vector behind the name", moved: true, normal: 5.13, abnormal: 4.06, active: 100),
    Effect(task: "seg", name: "temperature of 100", scale: 100, normal: 48.60, abnormal: 40.92, active: 100),
  ]

  @Test(arguments: effects) func `a reading's prototypes are so many degrees from the release's`(
    _ effect: Effect
  ) throws {
    let shared = try FixtureTower.shared.get()
    var training = try shared.training(
      effect.task, margin: effect.margin, moved: effect.moved, scale: effect.scale)
    while training.step < 100 { training.advance() }
    let found = PrototypeVectors(training.features()[0], training.members[0].set).matrix
    let released = try shared.fixture.matrix("fx.\(effect.task).proto.100")
    for (row, wanted) in [effect.normal, effect.abnormal].enumerated() {
      let chord = zip(found.row(row), released.row(row)).reduce(0) {
        $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
      }
      let angle = 2 * asin(chord.squareRoot() / 2) * 180 / .pi
      #expect(abs(angle - wanted) < 0.05, "prototype \(row)")
    }
    #expect(training.members[0].losses.count { $0.margin > 0 } == effect.active)
  }
}
