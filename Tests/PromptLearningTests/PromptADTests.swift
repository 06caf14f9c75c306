import Compute
import Foundation
import Inspection
import TestSupport
import Testing
import Transformer

@testable import PromptLearning

/// Learning from end to end on a random model.
@Suite struct PromptADTests {
  /// Two good parts and five patches of each, alike but for some noise.
  private static let references = PromptAD.References(
    images: alike(rows: 2, seed: 1), patches: alike(rows: 10, seed: 2))

  private static func alike(rows: Int, seed: UInt64) -> Matrix {
    let common = RandomText.matrix(rows: 1, columns: 24, seed: 3)
    var matrix = RandomText.matrix(rows: rows, columns: 24, seed: seed, scale: 0.5)
    for index in matrix.values.indices { matrix.values[index] += common.values[index % 24] }
    return matrix
  }

  /// Every word is a number between 1 and 500.
  private static func encode(_ text: String) -> [Int32] {
    text.replacing(".", with: " .").split(separator: " ").map { word in
      Int32(word.unicodeScalars.reduce(7) { ($0 * 31 + Int($1.value)) % 499 } + 1)
    }
  }

  private static func learner(
    threads: Int = 2, path: KernelPath = KernelPath.available[0], steps: Int = 12, seed: UInt64 = 111
  ) throws -> PromptAD {
    var options = LearningOptions()
    options.steps = steps
    options.seed = seed
    return try PromptAD(
      tower: RandomText(threads: threads, path: path).tower, options: options, encode: encode)
  }

  private static let defects = [DefectPhrase("scratch"), DefectPhrase("{} without cap")]

  @Test func `learning brings good parts nearer to normal than to abnormal`() throws {
    func learn(steps: Int) throws -> PromptAD.Result {
      try Self.learner(steps: steps).learn(
        product: "bottle", defects: Self.defects, references: Self.references)
    }
    let (first, result) = (try learn(steps: 1), try learn(steps: 40))
    let (images, patches) = (
      Self.references.images.l2Normalised(), Self.references.patches.l2Normalised()
    )
    for (before, after) in zip(
      first.prototypes.imageScores(of: images) + first.prototypes.patchScores(of: patches),
      result.prototypes.imageScores(of: images) + result.prototypes.patchScores(of: patches))
    {
      #expect(after < before)
    }
    #expect(result.imageLosses[39].total < result.imageLosses[0].total)
    #expect(result.pixelLosses[39].total < result.pixelLosses[0].total)
    #expect(result.prototypes.defects == ["scratch", "without cap"])
    #expect(result.imageVectors.rows == 3 * 4 + 4)
    #expect(result.pixelVectors.rows == 1 * 4 + 4)
    for matrix in [result.prototypes.image, result.prototypes.pixel, result.prototypes.defectFeatures] {
      for row in 0..<matrix.rows {
        #expect(abs(matrix.row(row).reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
      }
    }
  }

  @Test func `the same seed gives the same bits on any threads and instruction set`() throws {
    func learn(_ learner: PromptAD) throws -> PromptAD.Result {
      try learner.learn(product: "bottle", defects: Self.defects, references: Self.references)
    }
    let wanted = try learn(Self.learner(threads: 1))
    #expect(try learn(Self.learner(threads: 3)) == wanted)
    for path in KernelPath.available.dropFirst() { #expect(try learn(Self.learner(path: path)) == wanted) }
    #expect(try learn(Self.learner(seed: 112)).prototypes != wanted.prototypes)
  }

  @Test func `progress counts the steps and can stop them`() throws {
    struct Stop: Error {}
    var steps: [Int] = []
    #expect(throws: Stop.self) {
      try Self.learner().learn(product: "bottle", defects: [], references: Self.references) { progress in
        steps.append(progress.step)
        #expect(progress.steps == 12 && progress.image.total > 0 && progress.remaining > .zero)
        if progress.step == 3 { throw Stop() }
      }
    }
    #expect(steps == [1, 2, 3])
  }

  @Test func `without words of one's own, regions have the generic ones`() throws {
    let result = try Self.learner(steps: 1).learn(
      product: "bottle", defects: [], references: Self.references)
    #expect(result.prototypes.defects == DefectPhrase.generic.map(\.name))
  }

  @Test func `impossible options and features are refused in a sentence`() throws {
    var options = LearningOptions()
    options.steps = 0
    let tower = try RandomText().tower
    #expect { try PromptAD(tower: tower, options: options, encode: Self.encode) } throws: {
      "\($0)" == "The number of steps is 0: choose 1 to 10000."
    }
    let wrong = PromptAD.References(
      images: Matrix(rows: 2, columns: 24), patches: Matrix(rows: 3, columns: 24))
    #expect {
      try Self.learner().learn(product: "bottle", defects: [], references: wrong)
    } throws: { "\($0)".contains("same number of patches") }
  }

  @Test func `options are readable again as written`() throws {
    var options = LearningOptions(parity: .released)
    options.temperature = .exponential
    let data = try JSONEncoder().encode(options)
    #expect(try JSONDecoder().decode(LearningOptions.self, from: data) == options)
  }
}
