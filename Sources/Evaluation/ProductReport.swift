/// The numbers of one product.
///
/// Rates and areas are fractions; what cannot be measured (no masks, no good parts) is null.
public struct ProductReport: Sendable, Equatable {
  /// The numbers of one kind of defect.
  public struct Defect: Sendable, Codable, Equatable {
    /// Pictures with this defect.
    public var count: Int
    /// Of these, the fraction that was called NG.
    @Nullable public var recall: Double?
    /// Pictures with this defect against all good ones.
    @Nullable public var imageAUROC: Double?
    /// Pixels of pictures with this defect and of all good ones.
    @Nullable public var pixelAUROC: Double?

    private enum CodingKeys: String, CodingKey {
      case count
      case recall
      case imageAUROC = "image_auroc"
      case pixelAUROC = "pixel_auroc"
    }
  }

  /// Names of the references, in the order of the draw.
  public var references: [String]
  public var testGood: Int
  public var testDefective: Int
  /// Defective pictures without ground truth: they count for the image metrics only.
  public var withoutMask: Int
  /// Pictures that could not be judged; they count for no metric.
  public var undecidable: Int
  public var measured: Measurements
  /// The standard deviation over the seeds; empty with one.
  public var deviations = Measurements()
  /// The limit calibrated on the references alone.
  public var threshold: Double
  public var defects: [String: Defect]
  /// From references to a calibrated inspector.
  public var preparingSeconds: Double
  /// From decoded picture to regions, all test pictures together.
  public var judgingSeconds: Double

  /// Test pictures a second from decoded picture to regions.
  public var framesPerSecond: Double? {
    judgingSeconds > 0 ? Double(testGood + testDefective + undecidable) / judgingSeconds : nil
  }

  /// One product over several draws: means, and the counts and references of the first.
  ///
  /// - Returns: nil of none.
  static func mean(of reports: [ProductReport]) -> ProductReport? {
    guard var result = reports.first, reports.count > 1 else { return reports.first }
    let count = Double(reports.count)
    result.measured = .mean(of: reports.map(\.measured))
    result.deviations = .deviation(of: reports.map(\.measured))
    result.threshold = reports.reduce(0) { $0 + $1.threshold } / count
    result.preparingSeconds = reports.reduce(0) { $0 + $1.preparingSeconds } / count
    result.judgingSeconds = reports.reduce(0) { $0 + $1.judgingSeconds } / count
    for kind in result.defects.keys {
      func mean(_ value: (Defect) -> Double?) -> Double? {
        let values = reports.compactMap { $0.defects[kind].flatMap(value) }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      result.defects[kind]?.recall = mean(\.recall)
      result.defects[kind]?.imageAUROC = mean(\.imageAUROC)
      result.defects[kind]?.pixelAUROC = mean(\.pixelAUROC)
    }
    return result
  }
}

extension ProductReport: Codable {
  private enum CodingKeys: String, CodingKey {
    case references
    case testGood = "test_good"
    case testDefective = "test_defective"
    case withoutMask = "without_mask"
    case undecidable
    case deviations
    case threshold
    case defects
    case preparingSeconds = "preparing_seconds"
    case judgingSeconds = "judging_seconds"
    case framesPerSecond = "frames_per_second"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    references = try container.decode([String].self, forKey: .references)
    testGood = try container.decode(Int.self, forKey: .testGood)
    testDefective = try container.decode(Int.self, forKey: .testDefective)
    withoutMask = try container.decode(Int.self, forKey: .withoutMask)
    undecidable = try container.decode(Int.self, forKey: .undecidable)
    measured = try Measurements(from: decoder)
    deviations = try container.decode(Measurements.self, forKey: .deviations)
    threshold = try container.decode(Double.self, forKey: .threshold)
    defects = try container.decode([String: Defect].self, forKey: .defects)
    preparingSeconds = try container.decode(Double.self, forKey: .preparingSeconds)
    judgingSeconds = try container.decode(Double.self, forKey: .judgingSeconds)
  }

  public func encode(to encoder: any Encoder) throws {
    try measured.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(references, forKey: .references)
    try container.encode(testGood, forKey: .testGood)
    try container.encode(testDefective, forKey: .testDefective)
    try container.encode(withoutMask, forKey: .withoutMask)
    try container.encode(undecidable, forKey: .undecidable)
    try container.encode(deviations, forKey: .deviations)
    try container.encode(threshold, forKey: .threshold)
    try container.encode(defects, forKey: .defects)
    try container.encode(preparingSeconds, forKey: .preparingSeconds)
    try container.encode(judgingSeconds, forKey: .judgingSeconds)
    try container.encode(Nullable(wrappedValue: framesPerSecond), forKey: .framesPerSecond)
  }
}

/// A value that JSON shows as null where it is unknown, instead of leaving the key out.
@propertyWrapper
public struct Nullable<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
  public var wrappedValue: Value?

  public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    wrappedValue = value.decodeNil() ? nil : try value.decode(Value.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    if let wrappedValue { try value.encode(wrappedValue) } else { try value.encodeNil() }
  }
}
