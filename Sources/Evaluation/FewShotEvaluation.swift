public import Compute
import Foundation
import Imaging
public import Inspection
public import PromptLearning
public import Transformer

/// What is evaluated, and how.
public struct EvaluationOptions: Sendable {
  public var method: EvaluationMethod
  /// References of each product; 0 for a method that needs none.
  public var shots: Int
  /// Of the draws (`ReferenceDraw`); each is evaluated by itself.
  public var seeds: [UInt64]
  public var scoring: ScoringOptions
  /// Asked of the calibration on the references.
  public var falseAlarmRate: Double
  /// Vectors in a bank at most.
  public var bankLimit: Int
  /// How maps and masks are compared.
  public var pixels: PixelProtocol
  /// Of prompts; each draw's seed is added to its own.
  public var learning: LearningOptions

  public init(
    method: EvaluationMethod = .bank, shots: Int = 4, seeds: [UInt64] = [0],
    scoring: ScoringOptions = ScoringOptions(), falseAlarmRate: Double = 0.05,
    bankLimit: Int = MemoryBank.defaultLimit, pixels: PixelProtocol = .assayd,
    learning: LearningOptions = LearningOptions()
  ) {
    self.method = method
    self.shots = shots
    self.seeds = seeds
    self.scoring = scoring
    self.falseAlarmRate = falseAlarmRate
    self.bankLimit = bankLimit
    self.pixels = pixels
    self.learning = learning
  }
}

/// How far an evaluation is.
public struct EvaluationProgress: Sendable, Equatable {
  public enum Stage: Sendable, Equatable {
    case enrolling(EnrolmentProgress)
    /// Steps of learning prompts.
    case learning(done: Int, of: Int)
    case calibrating(done: Int, of: Int)
    case judging(done: Int, of: Int)
    /// Pictures whose maps were compared with their ground truth; each is gone through twice.
    case measuring(done: Int, of: Int)
  }

  public var product: String
  public var seed: UInt64
  public var stage: Stage
}

/// What became of one test picture.
public struct Outcome: Sendable {
  public var sample: TestSample
  /// Of the decoded picture.
  public var width: Int
  public var height: Int
  public var verdict: Verdict
  public var score: Float?
  public var threshold: Float
  /// `gridRows x gridColumns`; nil where the picture is undecidable.
  public var patchScores: Matrix?
}

/// One product's numbers with one draw of references, and what they were made from.
public struct ProductResult: Sendable {
  public var product: String
  public var seed: UInt64
  public var report: ProductReport
  public var calibration: Calibration
  /// In the order of the data set.
  public var outcomes: [Outcome]
  /// Nil where there is nothing to rank.
  public var image: RankingMetrics?
  public var pixel: RankingMetrics?
  public var overlap: RegionOverlap?
}

/// Runs the few-shot protocol: draw references, make an inspector from them and calibrate it on them alone, judge every
/// test picture, measure.
public struct FewShotEvaluation: Sendable {
  public let encoder: any ImageEncoder
  public let options: EvaluationOptions
  let search: VectorSearchMethod
  let writer: PromptWriter?

  /// - Parameter writer: of the encoder's model, for methods that need text (`EvaluationMethod.needsText`).
  public init(
    encoder: any ImageEncoder, search: VectorSearchMethod, options: EvaluationOptions,
    writer: PromptWriter? = nil
  ) {
    self.encoder = encoder
    self.search = search
    self.options = options
    self.writer = writer
  }

  /// The scoring in effect.
  var scoring: ScoringOptions { options.method.scoring(options.scoring, for: encoder.configuration) }

  /// Evaluates every product of a data set with every draw.
  ///
  /// - Parameter progress: what it throws ends the evaluation.
  public func run(
    _ dataSet: DataSet, progress: (EvaluationProgress) throws -> Void = { _ in }
  ) throws -> (report: EvaluationReport, results: [ProductResult]) {
    let results = try dataSet.products.flatMap { product in
      try options.seeds.map { try run(product, seed: $0, progress: progress) }
    }
    let runs = options.seeds.map { seed in
      EvaluationReport.Run(
        seed: seed,
        perClass: Dictionary(
          results.filter { $0.seed == seed }.map { ($0.product, $0.report) },
          uniquingKeysWith: { first, _ in first }))
    }
    return (EvaluationReport(settings: settings, runs: runs, notes: dataSet.notes), results)
  }

  private var settings: EvaluationReport.Settings {
    EvaluationReport.Settings(
      modelHash: encoder.modelHash, method: options.method, shots: options.shots, scoring: scoring,
      bankVectors: options.bankLimit, requestedFalseAlarmRate: options.falseAlarmRate,
      pixelProtocol: EvaluationReport.PixelRules(options.pixels),
      learning: options.method == .promptAD ? options.learning : nil)
  }

  /// Evaluates one product with one draw.
  public func run(
    _ product: Product, seed: UInt64, progress: (EvaluationProgress) throws -> Void = { _ in }
  ) throws -> ProductResult {
    func step(_ stage: EvaluationProgress.Stage) throws {
      try progress(EvaluationProgress(product: product.name, seed: seed, stage: stage))
    }
    guard options.method.needsReferences == (options.shots > 0) else {
      throw DataSetError(
        options.method.needsReferences
          ? "Method \(options.method.rawValue) needs references: choose at least 1 shot."
          : "Method \(options.method.rawValue) takes no references: choose 0 shots.")
    }
    let draw = try product.draw(shots: options.shots, seed: seed)
    let references = try draw.references.map {
      Reference(name: $0.lastPathComponent, picture: try Self.picture($0))
    }
    let start = ContinuousClock.now
    let inspector = try options.method.inspector(
      for: references, of: product.name, seed: seed, evaluation: self, progress: step)
    let preparing = ContinuousClock.now - start

    var outcomes: [Outcome] = []
    var judging = Duration.zero
    for sample in draw.tests {
      let picture = try Self.picture(sample.file)
      let judgement = try inspector.judge(picture)
      judging += judgement.durations.total
      outcomes.append(
        Outcome(
          sample: sample, width: picture.width, height: picture.height, verdict: judgement.verdict,
          score: judgement.score, threshold: judgement.threshold, patchScores: judgement.patchScores))
      try step(.judging(done: outcomes.count, of: draw.tests.count))
    }
    return try result(
      of: product.name, seed: seed, outcomes, references: references.map(\.name), inspector.calibration,
      preparing: preparing, judging: judging
    ) { try step(.measuring(done: $0, of: $1)) }
  }

  private static func picture(_ file: URL) throws -> Picture {
    do {
      return try Picture(contentsOf: file)
    } catch {
      throw DataSetError("\(file.path): \(error)")
    }
  }
}
