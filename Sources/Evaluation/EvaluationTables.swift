import Foundation

/// An evaluation as rows of cells, for tables of any kind: terminal, Markdown, HTML.
public struct EvaluationTables: Sendable {
  public struct Row: Sendable, Equatable {
    public enum Kind: Sendable {
      case product
      case mean
      /// Published by others, under their own protocol.
      case published
    }

    public var kind: Kind
    /// As many as the header has.
    public var cells: [String]
  }

  /// What was evaluated, in words.
  public let title: String
  public let header: [String]
  /// Each product, what others have published for it, and the means.
  public let rows: [Row]
  /// Each kind of defect of each product.
  public let defectHeader = ["product", "defect", "pictures", "recall", "I-AUROC", "P-AUROC"]
  public let defects: [[String]]
  /// What the columns are, and what a reader must know.
  public let notes: [String]

  public init(_ report: EvaluationReport) {
    let settings = report.settings
    let seeds =
      report.seeds.count == 1
      ? "seed \(report.seeds[0])"
      : "seeds \(report.seeds.map(String.init).joined(separator: ", ")): mean\u{B1}deviation"
    title =
      "Method \(settings.method.rawValue), "
      + (settings.shots == 0
        ? "no reference" : "\(settings.shots) reference\(settings.shots == 1 ? "" : "s"), \(seeds)")
      + "; in percent"
    header = ["product", "good", "bad"] + Metric.allCases.map(\.heading) + ["fps"]

    func cells(_ measured: Measurements, _ deviations: Measurements) -> [String] {
      Metric.allCases.map { metric in
        guard let value = measured[metric] else { return "-" }
        return Self.percent(value) + (deviations[metric].map { "\u{B1}" + Self.percent($0) } ?? "")
      }
    }
    func published(_ rows: [PublishedRow]) -> [Row] {
      rows.map {
        Row(
          kind: .published,
          cells: ["  \($0.method) (published)", "", ""]
            + cells($0.measured, $0.deviations).map { $0 == "-" ? "" : $0 }
            + [""])
      }
    }
    let products = report.perClass.sorted { $0.key < $1.key }
    rows =
      products.flatMap { name, product in
        [
          Row(
            kind: .product,
            cells: [name, "\(product.testGood)", "\(product.testDefective)"]
              + cells(product.measured, product.deviations) + [Self.rate(product.framesPerSecond)])
        ] + published(PublishedRow.matching(product: name, shots: settings.shots))
      }
      + (products.count > 1
        ? [
          Row(
            kind: .mean,
            cells: ["mean of \(products.count)", "", ""] + cells(report.measured, report.deviations)
              + [Self.rate(report.framesPerSecond)])
        ] + published(PublishedRow.matching(products: report.perClass.keys, shots: settings.shots)) : [])
    defects = products.flatMap { name, product in
      product.defects.sorted { $0.key < $1.key }.map { kind, defect in
        [
          name, kind, "\(defect.count)", Self.percent(defect.recall), Self.percent(defect.imageAUROC),
          Self.percent(defect.pixelAUROC),
        ]
      }
    }

    var notes = [
      "I image, P pixel; AP average precision, F1 the highest of any threshold; PRO the area under region overlap up to "
        + "0.3, exact, and with 200 thresholds.",
      settings.shots == 0
        ? "FA (false alarms) and recall at the threshold \(EvaluationMethod.writtenLimit): without references nothing is "
          + "calibrated."
        : "FA (false alarms) and recall at the threshold calibrated on the references alone, for "
          + "\(Self.percent(settings.requestedFalseAlarmRate)) % false alarms.",
      "Pixels by protocol \(settings.pixelProtocol.name.rawValue): \(settings.pixelProtocol.name.explanation).",
    ]
    notes += report.notes
    for run in report.runs where report.incompleteSeeds.contains(run.seed) {
      notes.append(
        "Seed \(run.seed) has \(run.perClass.count) of \(products.count) products and does not count for the mean."
      )
    }
    let undecidable = products.reduce(0) { $0 + $1.value.undecidable }
    if undecidable > 0 { notes.append("\(undecidable) pictures could not be judged and do not count.") }
    let published = report.published
    if !published.isEmpty {
      let sources = Dictionary(grouping: published, by: \.source).map { source, rows in
        Set(rows.map(\.method)).sorted().joined(separator: ", ") + " from " + source
      }
      notes.append(
        "Published figures are not measured here, but by others with other networks and protocols: "
          + sources.sorted().joined(separator: "; ") + ".")
    }
    self.notes = notes
  }

  /// With one digit; a dash for what is unknown.
  static func percent(_ value: Double?) -> String { value.map { String(format: "%.1f", $0 * 100) } ?? "-" }

  private static func rate(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "-" }

  /// Both tables in Markdown.
  public var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    func rule(_ header: [String], left: Int) -> String {
      "|" + header.indices.map { $0 < left ? "---|" : "--:|" }.joined()
    }
    var lines = [title + ".", "", line(header), rule(header, left: 1)]
    for row in rows {
      let name = row.cells[0].trimmingCharacters(in: .whitespaces)
      let shown = row.kind == .product ? name : row.kind == .mean ? "**\(name)**" : "*\(name)*"
      lines.append(line([shown] + row.cells.dropFirst()))
    }
    if !defects.isEmpty {
      lines += ["", line(defectHeader), rule(defectHeader, left: 2)] + defects.map(line)
    }
    return (lines + [""] + notes.map { "- \($0)" }).joined(separator: "\n")
  }
}
