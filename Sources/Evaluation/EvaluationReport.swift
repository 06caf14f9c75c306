public import Inspection
public import PromptLearning

/// The numbers of a data set: over its products, each product's own, and every draw's.
public struct EvaluationReport: Sendable, Equatable {
  public static let schema = "assayd.evaluation/2"

  /// What has to be the same for numbers to be of one kind.
  public struct Settings: Sendable, Codable, Equatable {
    public var modelHash: String
    public var method: EvaluationMethod
    public var shots: Int
    public var scoring: ScoringOptions
    /// Vectors in a bank at most.
    public var bankVectors: Int
    /// Asked of the calibration.
    public var requestedFalseAlarmRate: Double
    public var pixelProtocol: PixelRules
    /// How prompts were learned; null where none were.
    @Nullable public var learning: LearningOptions?

    private enum CodingKeys: String, CodingKey {
      case modelHash = "model_hash"
      case method
      case shots
      case scoring
      case bankVectors = "bank_vectors"
      case requestedFalseAlarmRate = "requested_false_alarm_rate"
      case pixelProtocol = "pixel_protocol"
      case learning
    }

    init(
      modelHash: String, method: EvaluationMethod, shots: Int, scoring: ScoringOptions, bankVectors: Int,
      requestedFalseAlarmRate: Double, pixelProtocol: PixelRules, learning: LearningOptions?
    ) {
      self.modelHash = modelHash
      self.method = method
      self.shots = shots
      self.scoring = scoring
      self.bankVectors = bankVectors
      self.requestedFalseAlarmRate = requestedFalseAlarmRate
      self.pixelProtocol = pixelProtocol
      _learning = Nullable(wrappedValue: learning)
    }
  }

  /// How maps and masks were brought to one size: the protocol's name, and its rules for whoever has only the file.
  public struct PixelRules: Sendable, Codable, Equatable {
    public var name: PixelProtocol
    /// Of the square maps; null where each has its picture's size.
    @Nullable public var side: Int?
    /// The Gaussian over the map, in its pixels, borders reflected.
    public var sigma: Double
    public var alignsCorners: Bool
    public var masks: String

    private enum CodingKeys: String, CodingKey {
      case name
      case side
      case sigma
      case alignsCorners = "aligns_corners"
      case masks
    }

    init(_ name: PixelProtocol) {
      self.name = name
      _side = Nullable(wrappedValue: name.side)
      sigma = name.sigma
      alignsCorners = name.alignsCorners
      masks = name.masks.rawValue
    }
  }

  /// One draw of references.
  public struct Run: Sendable, Equatable {
    public var seed: UInt64
    public var perClass: [String: ProductReport]

    public init(seed: UInt64, perClass: [String: ProductReport]) {
      self.seed = seed
      self.perClass = perClass
    }

    /// Unweighted means over the products that have the value.
    public var measured: Measurements { .mean(of: perClass.values.map(\.measured)) }
  }

  public let settings: Settings
  /// In the order of their seeds.
  public let runs: [Run]
  /// What a reader of the numbers must know.
  public let notes: [String]
  /// Means over the draws that have all products, of means over products.
  public let measured: Measurements
  /// Their standard deviation over the draws; empty with one.
  public let deviations: Measurements
  /// Each product over all draws that have it.
  public let perClass: [String: ProductReport]

  public init(settings: Settings, runs: [Run], notes: [String]) {
    let runs = runs.sorted { $0.seed < $1.seed }
    let products = Set(runs.flatMap(\.perClass.keys))
    let complete = runs.filter { $0.perClass.count == products.count }
    self.settings = settings
    self.runs = runs
    self.notes = notes
    measured = .mean(of: complete.map(\.measured))
    deviations = .deviation(of: complete.map(\.measured))
    perClass = Dictionary(
      uniqueKeysWithValues: products.compactMap { product in
        ProductReport.mean(of: runs.compactMap { $0.perClass[product] }).map { (product, $0) }
      })
  }

  public var seeds: [UInt64] { runs.map(\.seed) }

  /// All test pictures over all their time.
  public var framesPerSecond: Double? {
    let reports = runs.flatMap(\.perClass.values)
    let seconds = reports.reduce(0) { $0 + $1.judgingSeconds }
    return seconds > 0
      ? Double(reports.reduce(0) { $0 + $1.testGood + $1.testDefective + $1.undecidable }) / seconds : nil
  }

  /// Draws that lack products, and so do not count for the means over products.
  public var incompleteSeeds: [UInt64] {
    runs.filter { $0.perClass.count < perClass.count }.map(\.seed)
  }

  /// Joins reports of the same settings: a part of the products and seeds each.
  ///
  /// - Returns: one report for each number of shots, fewest first.
  /// - Throws: `DataSetError` where settings differ, or two reports hold the same product with the same seed.
  public static func merge(_ reports: [EvaluationReport]) throws(DataSetError) -> [EvaluationReport] {
    var merged: [EvaluationReport] = []
    for (_, group) in Dictionary(grouping: reports, by: \.settings.shots).sorted(by: { $0.key < $1.key }) {
      var runs: [UInt64: Run] = [:]
      var notes: [String] = []
      for report in group {
        guard report.settings == group[0].settings else {
          throw DataSetError(
            "The results differ in model, method, scoring or protocol: only results of one kind can be joined."
          )
        }
        for run in report.runs {
          for (product, numbers) in run.perClass {
            guard runs[run.seed]?.perClass[product] == nil else {
              throw DataSetError("Two results hold \(product) with seed \(run.seed).")
            }
            runs[run.seed, default: Run(seed: run.seed, perClass: [:])].perClass[product] = numbers
          }
        }
        for note in report.notes where !notes.contains(note) { notes.append(note) }
      }
      merged.append(EvaluationReport(settings: group[0].settings, runs: Array(runs.values), notes: notes))
    }
    return merged
  }
}

extension EvaluationReport: Codable {
  private enum CodingKeys: String, CodingKey {
    case schema
    case seed
    case seeds
    case incompleteSeeds = "incomplete_seeds"
    case deviations
    case framesPerSecond = "frames_per_second"
    case perClass = "per_class"
    case published
    case runs
    case notes
  }

  /// Reads settings, runs and notes; all else follows from them.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let schema = try container.decode(String.self, forKey: .schema)
    guard schema == Self.schema else {
      throw DecodingError.dataCorruptedError(
        forKey: .schema, in: container, debugDescription: "The schema is \(schema), not \(Self.schema).")
    }
    self.init(
      settings: try Settings(from: decoder), runs: try container.decode([Run].self, forKey: .runs),
      notes: try container.decode([String].self, forKey: .notes))
  }

  public func encode(to encoder: any Encoder) throws {
    try settings.encode(to: encoder)
    try measured.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.schema, forKey: .schema)
    try container.encode(Nullable(wrappedValue: seeds.count == 1 ? seeds.first : nil), forKey: .seed)
    try container.encode(seeds, forKey: .seeds)
    try container.encode(incompleteSeeds, forKey: .incompleteSeeds)
    try container.encode(deviations, forKey: .deviations)
    try container.encode(Nullable(wrappedValue: framesPerSecond), forKey: .framesPerSecond)
    try container.encode(perClass, forKey: .perClass)
    try container.encode(published, forKey: .published)
    try container.encode(runs, forKey: .runs)
    try container.encode(notes, forKey: .notes)
  }
}

extension EvaluationReport.Run: Codable {
  private enum CodingKeys: String, CodingKey {
    case seed
    case perClass = "per_class"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    seed = try container.decode(UInt64.self, forKey: .seed)
    perClass = try container.decode([String: ProductReport].self, forKey: .perClass)
  }

  public func encode(to encoder: any Encoder) throws {
    try measured.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(seed, forKey: .seed)
    try container.encode(perClass, forKey: .perClass)
  }
}
