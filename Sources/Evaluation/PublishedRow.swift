/// A benchmark that papers report on.
public enum Benchmark: String, Sendable, Codable, CaseIterable {
  case mvtec = "MVTec AD"
  case visa = "VisA"
  case mpdd = "MPDD"

  var categories: [String] {
    switch self {
    case .mvtec:
      [
        "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw",
        "tile", "toothbrush", "transistor", "wood", "zipper",
      ]
    case .visa:
      [
        "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2",
        "pcb3", "pcb4", "pipe_fryum",
      ]
    case .mpdd:
      ["bracket_black", "bracket_brown", "bracket_white", "connector", "metal_plate", "tubes"]
    }
  }

  /// The benchmark and category of a product by its folder's name: `bottle`, or `mvtec-bottle` for a lone copy.
  static func category(of product: String) -> (benchmark: Benchmark, name: String)? {
    let lowered = product.lowercased()
    let prefixes = ["", "mvtec-", "mvtec_", "visa-", "visa_", "mpdd-", "mpdd_"]
    for benchmark in allCases {
      for category in benchmark.categories where prefixes.contains(where: { $0 + category == lowered }) {
        return (benchmark, category)
      }
    }
    return nil
  }
}

/// What somebody else has published for a category or a whole benchmark: a fact to set beside what is measured, never
/// measured here.
public struct PublishedRow: Sendable, Equatable {
  public var method: String
  public var benchmark: Benchmark
  /// Nil for the mean over all categories of the benchmark.
  public var category: String?
  public var shots: Int
  /// Where it stands.
  public var source: String
  /// AUPRO as its authors computed it; by which variant is often not said.
  public var measured = Measurements()
  /// Over seeds, where it is known.
  public var deviations = Measurements()

  /// What is known for a product with so many references.
  public static func matching(product: String, shots: Int) -> [PublishedRow] {
    guard let (benchmark, category) = Benchmark.category(of: product) else { return [] }
    return all.filter { $0.benchmark == benchmark && $0.category == category && $0.shots == shots }
  }

  /// What is known for the mean over products: only where they are all categories of a benchmark and nothing else.
  public static func matching(products: some Collection<String>, shots: Int) -> [PublishedRow] {
    let found = products.compactMap { Benchmark.category(of: $0) }
    guard let benchmark = found.first?.benchmark, found.count == products.count,
      found.allSatisfy({ $0.benchmark == benchmark }),
      Set(found.map(\.name)) == Set(benchmark.categories), found.count == benchmark.categories.count
    else { return [] }
    return all.filter { $0.benchmark == benchmark && $0.category == nil && $0.shots == shots }
  }
}

extension PublishedRow: Encodable {
  private enum CodingKeys: String, CodingKey {
    case method
    case benchmark
    case category
    case shots
    case source
    case deviations
  }

  public func encode(to encoder: any Encoder) throws {
    try measured.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(method, forKey: .method)
    try container.encode(benchmark, forKey: .benchmark)
    try container.encode(Nullable(wrappedValue: category), forKey: .category)
    try container.encode(shots, forKey: .shots)
    try container.encode(source, forKey: .source)
    try container.encode(deviations, forKey: .deviations)
  }
}

extension EvaluationReport {
  /// What others have published for these products and this number of references: means over all of them first.
  public var published: [PublishedRow] {
    PublishedRow.matching(products: perClass.keys, shots: settings.shots)
      + perClass.keys.sorted().flatMap { PublishedRow.matching(product: $0, shots: settings.shots) }
  }
}
