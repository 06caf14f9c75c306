public import Inspection
import Transformer

/// The numbers of one product.
///
/// Rates and areas are fractions; what cannot be measured (no masks, no good parts) is null.
public struct ProductReport: Sendable, Codable, Equatable {
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
  @Nullable public var imageAUROC: Double?
  @Nullable public var imageAP: Double?
  @Nullable public var imageF1Max: Double?
  @Nullable public var pixelAUROC: Double?
  @Nullable public var pixelAP: Double?
  @Nullable public var pixelF1Max: Double?
  /// Exact, up to a false-positive rate of 0.3.
  @Nullable public var aupro: Double?
  /// The variant with 200 thresholds.
  @Nullable public var aupro200: Double?
  /// The limit calibrated on the references alone, and what came of it.
  public var threshold: Double
  /// Of good parts, the fraction called NG.
  @Nullable public var falseAlarmRate: Double?
  /// Of defective parts, the fraction called NG.
  @Nullable public var recall: Double?
  public var defects: [String: Defect]
  /// Pictures a second from decoded picture to regions.
  @Nullable public var framesPerSecond: Double?

  private enum CodingKeys: String, CodingKey {
    case references
    case testGood = "test_good"
    case testDefective = "test_defective"
    case withoutMask = "without_mask"
    case undecidable
    case imageAUROC = "image_auroc"
    case imageAP = "image_ap"
    case imageF1Max = "image_f1_max"
    case pixelAUROC = "pixel_auroc"
    case pixelAP = "pixel_ap"
    case pixelF1Max = "pixel_f1_max"
    case aupro
    case aupro200 = "aupro_200_thresholds"
    case threshold
    case falseAlarmRate = "false_alarm_rate"
    case recall
    case defects
    case framesPerSecond = "frames_per_second"
  }
}

/// The numbers of a data set: means over its products, and each product's own.
public struct EvaluationReport: Sendable, Codable, Equatable {
  /// How maps and masks were brought to one size.
  public struct PixelProtocol: Sendable, Codable, Equatable {
    /// Patch scores are interpolated bilinearly to `side x side`, masks taken to it by nearest neighbour.
    public var side: Int
    /// The Gaussian over the map, in its pixels, borders reflected.
    public var sigma: Double
  }

  public var schema = "assayd.evaluation/1"
  public var modelHash: String
  public var shots: Int
  public var seed: UInt64
  public var scoring: ScoringOptions
  public var pixelProtocol: PixelProtocol
  /// Asked of the calibration.
  public var requestedFalseAlarmRate: Double
  /// Unweighted means over the products that have the value.
  @Nullable public var imageAUROC: Double?
  @Nullable public var imageAP: Double?
  @Nullable public var imageF1Max: Double?
  @Nullable public var pixelAUROC: Double?
  @Nullable public var pixelAP: Double?
  @Nullable public var pixelF1Max: Double?
  @Nullable public var aupro: Double?
  @Nullable public var aupro200: Double?
  @Nullable public var falseAlarmRate: Double?
  @Nullable public var recall: Double?
  /// All pictures over all their time.
  @Nullable public var framesPerSecond: Double?
  public var perClass: [String: ProductReport]
  public var notes: [String]

  private enum CodingKeys: String, CodingKey {
    case schema
    case modelHash = "model_hash"
    case shots
    case seed
    case scoring
    case pixelProtocol = "pixel_protocol"
    case requestedFalseAlarmRate = "requested_false_alarm_rate"
    case imageAUROC = "image_auroc"
    case imageAP = "image_ap"
    case imageF1Max = "image_f1_max"
    case pixelAUROC = "pixel_auroc"
    case pixelAP = "pixel_ap"
    case pixelF1Max = "pixel_f1_max"
    case aupro
    case aupro200 = "aupro_200_thresholds"
    case falseAlarmRate = "false_alarm_rate"
    case recall
    case framesPerSecond = "frames_per_second"
    case perClass = "per_class"
    case notes
  }

  init(_ evaluation: FewShotEvaluation, _ results: [ProductResult], notes: [String]) {
    let options = evaluation.options
    modelHash = evaluation.encoder.modelHash
    shots = options.shots
    seed = options.seed
    scoring = options.scoring
    pixelProtocol = PixelProtocol(side: options.mapSide, sigma: options.mapSigma)
    requestedFalseAlarmRate = options.falseAlarmRate
    let reports = results.map(\.report)
    func mean(_ value: (ProductReport) -> Double?) -> Double? {
      let values = reports.compactMap(value)
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    imageAUROC = mean(\.imageAUROC)
    imageAP = mean(\.imageAP)
    imageF1Max = mean(\.imageF1Max)
    pixelAUROC = mean(\.pixelAUROC)
    pixelAP = mean(\.pixelAP)
    pixelF1Max = mean(\.pixelF1Max)
    aupro = mean(\.aupro)
    aupro200 = mean(\.aupro200)
    falseAlarmRate = mean(\.falseAlarmRate)
    recall = mean(\.recall)
    let seconds = results.reduce(0.0) { $0 + $1.judgingSeconds }
    framesPerSecond = seconds > 0 ? Double(results.reduce(0) { $0 + $1.outcomes.count }) / seconds : nil
    perClass = Dictionary(results.map { ($0.product, $0.report) }, uniquingKeysWith: { first, _ in first })
    self.notes = notes
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
