/// What is measured, by the names that reports use.
public enum Metric: String, Sendable, Codable, CaseIterable, CodingKey {
  case imageAUROC = "image_auroc"
  case imageAP = "image_ap"
  case imageF1Max = "image_f1_max"
  case pixelAUROC = "pixel_auroc"
  case pixelAP = "pixel_ap"
  case pixelF1Max = "pixel_f1_max"
  /// Exact, up to a false-positive rate of 0.3.
  case aupro
  /// The variant with 200 thresholds.
  case aupro200 = "aupro_200_thresholds"
  /// Of good parts, the fraction called NG at the threshold calibrated on the references alone.
  case falseAlarmRate = "false_alarm_rate"
  /// Of defective parts, the fraction called NG there.
  case recall

  /// The name in tables: I for images, P for pixels.
  public var heading: String {
    switch self {
    case .imageAUROC: "I-AUROC"
    case .imageAP: "I-AP"
    case .imageF1Max: "I-F1"
    case .pixelAUROC: "P-AUROC"
    case .pixelAP: "P-AP"
    case .pixelF1Max: "P-F1"
    case .aupro: "PRO"
    case .aupro200: "PRO-200"
    case .falseAlarmRate: "FA"
    case .recall: "recall"
    }
  }

  /// The name in prose.
  public var title: String {
    switch self {
    case .imageAUROC: "image AUROC"
    case .imageAP: "image AP"
    case .imageF1Max: "highest image F1"
    case .pixelAUROC: "pixel AUROC"
    case .pixelAP: "pixel AP"
    case .pixelF1Max: "highest pixel F1"
    case .aupro: "AUPRO to 0.3"
    case .aupro200: "AUPRO, 200 thresholds"
    case .falseAlarmRate: "false alarms"
    case .recall: "recall"
    }
  }
}

/// A value for each metric that could be measured, as fractions.
///
/// As JSON every metric is a key, null where it could not be measured.
public struct Measurements: Sendable, Equatable, Codable {
  private var values: [Metric: Double] = [:]

  public init() {}

  public subscript(metric: Metric) -> Double? {
    get { values[metric] }
    set { values[metric] = newValue }
  }

  public var isEmpty: Bool { values.isEmpty }

  /// The mean of those that have the value, metric by metric.
  static func mean(of all: [Measurements]) -> Measurements {
    combine(all) { $0.reduce(0, +) / Double($0.count) }
  }

  /// The sample standard deviation (divided by n - 1) of those that have the value; none of fewer than two.
  static func deviation(of all: [Measurements]) -> Measurements {
    combine(all) { values in
      guard values.count > 1 else { return nil }
      let mean = values.reduce(0, +) / Double(values.count)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (squares / Double(values.count - 1)).squareRoot()
    }
  }

  private static func combine(_ all: [Measurements], _ body: ([Double]) -> Double?) -> Measurements {
    var result = Measurements()
    for metric in Metric.allCases {
      let values = all.compactMap { $0[metric] }
      if !values.isEmpty { result[metric] = body(values) }
    }
    return result
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Metric.self)
    for metric in Metric.allCases {
      self[metric] = try container.decodeIfPresent(Double.self, forKey: metric)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Metric.self)
    for metric in Metric.allCases {
      if let value = self[metric] {
        try container.encode(value, forKey: metric)
      } else {
        try container.encodeNil(forKey: metric)
      }
    }
  }
}
