import ArgumentParser
import Compute
import Foundation
import Inspection
import PromptLearning
import Transformer

/// The half of `Scripts/bench-learning` that is ours.
struct BenchLearningCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-learning", abstract: "Times the learning of PromptAD's prompts on given features.",
    discussion: "Both sets of prompts of MVTec AD's bottle, as the released code learns them.",
    shouldDisplay: false)

  @Option(help: "The model file, with its text tower.", completion: .file(extensions: ["safetensors"]))
  var model: String

  @Option(
    help: "A safetensors file with references' features: images [k, channels], patches [k n, channels].")
  var features: String

  @Option(help: "Compute threads; by default one a processor.")
  var threads = ThreadPool.processorCount

  @Option(help: "Steps of both sets.")
  var steps = 100

  @Option(help: "What the first vectors are drawn with.")
  var seed: UInt64 = 111

  @Flag(help: "Print as JSON.")
  var json = false

  struct Report: Encodable {
    /// One set of prompts: ids, where -1 - v is vector v; how many are normal, manual and learned; losses of all steps.
    struct Prompts: Encodable {
      let prompts: [[Int]]
      let kinds: [Int]
      let vectors: Int
      let losses: [Double]
    }

    let seconds: Double
    let loadSeconds: Double
    let rssMb: Double
    let path: String
    /// Rows of the text tower that a step computes for both sets together.
    let rows: Int
    let image: Prompts
    let pixel: Prompts
  }

  func run() async throws {
    try await reportingFailures {
      let start = ContinuousClock.now
      let file = try ModelFile(contentsOf: URL(fileURLWithPath: model))
      let path = try KernelPath.preferred()
      let tower = try TextTower(model: file, path: path, pool: ThreadPool(threads: threads))
      let tokenizer = try Tokenizer(model: file)
      let loaded = ContinuousClock.now
      var options = LearningOptions(parity: .released)
      options.steps = steps
      options.seed = seed
      let learner = try PromptAD(tower: tower, options: options, encode: tokenizer.encode)
      let references = try Self.references(URL(fileURLWithPath: features))
      let defects = PublishedProducts.recipe(of: "bottle").defects.map { DefectPhrase($0) }
      let progress = Progress()
      let result = try learner.learn(product: "bottle", defects: defects, references: references) {
        progress.show("Learning", done: $0.step, of: $0.steps)
      }
      progress.finish()
      let learned = ContinuousClock.now
      let sets = try learner.promptSets(product: "bottle", defects: defects)
      let report = Report(
        seconds: (learned - loaded).seconds, loadSeconds: (loaded - start).seconds,
        rssMb: BenchCommand.peakMemory, path: path.rawValue,
        rows: PromptForest(sets.image.prompts).rows + PromptForest(sets.pixel.prompts).rows,
        image: Self.prompts(sets.image, result.imageLosses),
        pixel: Self.prompts(sets.pixel, result.pixelLosses))
      if json { return try printJSON(report) }
      print(
        String(
          format: "%d + %d prompts, %d steps, %d threads: %.1f s", sets.image.prompts.count,
          sets.pixel.prompts.count, steps, threads, report.seconds))
    }
  }

  private static func prompts(_ set: PromptSet, _ losses: [PromptLosses]) -> Report.Prompts {
    Report.Prompts(
      prompts: set.prompts.map { prompt in
        prompt.map { token in
          switch token {
          case .word(let id): Int(id)
          case .vector(let index): -1 - index
          }
        }
      },
      kinds: [set.normal.count, set.manual.count, set.learned.count], vectors: set.vectors,
      losses: losses.map(\.total))
  }

  private static func references(_ file: URL) throws -> PromptAD.References {
    let tensors = try SafeTensorsFile(contentsOf: file)
    func matrix(_ name: String) throws -> Matrix {
      guard let view = tensors.tensor(named: name), view.description.shape.count == 2,
        let values = view.floats()
      else { throw ModelFileError(.incompatible, file, "There is no matrix \(name) of floats.") }
      let shape = view.description.shape
      return Matrix(rows: shape[0], columns: shape[1], values: values)
    }
    return PromptAD.References(images: try matrix("images"), patches: try matrix("patches"))
  }
}
