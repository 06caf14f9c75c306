public import Compute
import Foundation
import Imaging
public import Inspection
public import Transformer

/// What is evaluated, and how.
public struct EvaluationOptions: Sendable {
  /// References of each product.
  public var shots: Int
  /// Of the draw (`ReferenceDraw`).
  public var seed: UInt64
  public var scoring: ScoringOptions
  /// Asked of the calibration on the references.
  public var falseAlarmRate: Double
  /// Vectors in a bank at most.
  public var bankLimit: Int
  /// Side of the maps and masks that pixel metrics are taken on.
  public var mapSide = 128
  /// The Gaussian over them, in their pixels.
  public var mapSigma = 2.0

  public init(
    shots: Int = 4, seed: UInt64 = 0, scoring: ScoringOptions = ScoringOptions(),
    falseAlarmRate: Double = 0.05,
    bankLimit: Int = MemoryBank.defaultLimit
  ) {
    self.shots = shots
    self.seed = seed
    self.scoring = scoring
    self.falseAlarmRate = falseAlarmRate
    self.bankLimit = bankLimit
  }
}

/// How far an evaluation is.
public enum EvaluationProgress: Sendable, Equatable {
  case enrolling(product: String, EnrolmentProgress)
  case calibrating(product: String, done: Int, of: Int)
  case judging(product: String, done: Int, of: Int)
}

/// What became of one test picture.
public struct Outcome: Sendable {
  public var sample: TestSample
  public var verdict: Verdict
  public var score: Float?
  public var threshold: Float
  /// `gridRows x gridColumns`; nil where the picture is undecidable.
  public var patchScores: Matrix?
}

/// One product's numbers, and what they were made from.
public struct ProductResult: Sendable {
  public var product: String
  public var report: ProductReport
  public var calibration: Calibration
  /// In the order of the data set.
  public var outcomes: [Outcome]
  /// From decoded picture to regions, all pictures together.
  public var judgingSeconds: Double
}

/// Runs the few-shot protocol: draw references, build the bank, calibrate on the references alone, judge every test
/// picture, measure.
public struct FewShotEvaluation: Sendable {
  public let encoder: any ImageEncoder
  public let options: EvaluationOptions
  private let search: VectorSearchMethod

  public init(encoder: any ImageEncoder, search: VectorSearchMethod, options: EvaluationOptions) {
    self.encoder = encoder
    self.search = search
    self.options = options
  }

  /// Evaluates every product of a data set.
  ///
  /// - Parameter progress: what it throws ends the evaluation.
  public func run(
    _ dataSet: DataSet, progress: (EvaluationProgress) throws -> Void = { _ in }
  ) throws -> (report: EvaluationReport, results: [ProductResult]) {
    let results = try dataSet.products.map { try run($0, progress: progress) }
    return (EvaluationReport(self, results, notes: dataSet.notes), results)
  }

  /// Evaluates one product.
  public func run(
    _ product: Product, progress: (EvaluationProgress) throws -> Void = { _ in }
  ) throws -> ProductResult {
    let draw = try product.draw(shots: options.shots, seed: options.seed)
    let references = try draw.references.map {
      Reference(name: $0.lastPathComponent, picture: try Self.picture($0))
    }
    let bank = try MemoryBank.build(
      references: references, encoder: encoder, options: options.scoring, limit: options.bankLimit
    ) { try progress(.enrolling(product: product.name, $0)) }
    let calibration = try Calibration.onReferences(
      references, bank: bank, encoder: encoder, search: search, falseAlarmRate: options.falseAlarmRate
    ) { try progress(.calibrating(product: product.name, done: $0, of: $1)) }
    let inspector = try Inspector(encoder: encoder, bank: bank, calibration: calibration, search: search)

    var outcomes: [Outcome] = []
    var duration = Duration.zero
    for sample in draw.tests {
      let judgement = try inspector.judge(try Self.picture(sample.file))
      duration += judgement.durations.total
      outcomes.append(
        Outcome(
          sample: sample, verdict: judgement.verdict, score: judgement.score, threshold: judgement.threshold,
          patchScores: judgement.patchScores))
      try progress(.judging(product: product.name, done: outcomes.count, of: draw.tests.count))
    }
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    return ProductResult(
      product: product.name,
      report: try report(outcomes, references: references.map(\.name), calibration, seconds: seconds),
      calibration: calibration, outcomes: outcomes, judgingSeconds: seconds)
  }

  private static func picture(_ file: URL) throws -> Picture {
    do {
      return try Picture(contentsOf: file)
    } catch {
      throw DataSetError("\(file.path): \(error)")
    }
  }
}
