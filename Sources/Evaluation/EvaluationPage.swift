public import Foundation
import Imaging
import Inspection

/// An evaluation as one HTML page for people: tables, curves, score histograms and a gallery of maps beside ground truth.
///
/// The page holds everything it shows; it loads nothing and runs no script.
public struct EvaluationPage {
  private let title: String
  private let report: EvaluationReport
  private let results: [ProductResult]

  /// - Parameters:
  ///   - title: such as the name of the data set.
  ///   - results: those the report was made from.
  public init(title: String, report: EvaluationReport, results: [ProductResult]) {
    self.title = title
    self.report = report
    self.results = results
  }

  /// Writes the page; a file that is there is replaced at once or not at all.
  ///
  /// - Throws: where a picture of the gallery cannot be read any more, or the file cannot be written.
  public func write(to file: URL) throws {
    try Data(try html().utf8).write(to: file, options: .atomic)
  }

  public func html() throws -> String {
    let tables = EvaluationTables(report)
    let products = Dictionary(grouping: results, by: \.product).sorted { $0.key < $1.key }
    let contents =
      products.count > 1
      ? "<nav>"
        + products.enumerated().map { "<a href=\"#p\($0)\">\(escaped($1.key))</a>" }.joined(separator: " ")
        + "</nav>" : ""
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(escaped(title)): evaluation</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <header>
      <h1>\(escaped(title))</h1>
      <p>\(escaped(tables.title)). Model <code>\(report.settings.modelHash.prefix(12))</code>.</p>
      \(cards)
      </header>
      \(Self.table(tables))
      <ul class="notes">
      \(tables.notes.map { "<li>\(escaped($0))</li>" }.joined(separator: "\n"))
      </ul>
      \(contents)
      \(try products.enumerated().map { try section(of: $1.value, anchor: "p\($0)", tables) }.joined(separator: "\n"))
      </body>
      </html>

      """
  }

  private var cards: String {
    let shown: [Metric] = [.imageAUROC, .pixelAUROC, .aupro, .falseAlarmRate, .recall]
    return "<div class=\"cards\">"
      + shown.map { metric in
        let deviation =
          report.deviations[metric].map { "<small>\u{B1}\(EvaluationTables.percent($0))</small>" } ?? ""
        return
          "<div><b>\(EvaluationTables.percent(report.measured[metric]))\(deviation)</b>\(escaped(metric.title))</div>"
      }.joined() + "</div>"
  }

  private static func table(_ tables: EvaluationTables) -> String {
    let titles = [nil, nil, nil] + Metric.allCases.map { Optional($0.title) } + ["pictures a second"]
    let head = zip(tables.header, titles).map { name, title in
      title.map { "<th><abbr title=\"\(escaped($0))\">\(escaped(name))</abbr></th>" }
        ?? "<th>\(escaped(name))</th>"
    }
    let body = tables.rows.map { row in
      "<tr class=\"\(row.kind)\">" + row.cells.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
    }
    return "<div class=\"wide\"><table><thead><tr>\(head.joined())</tr></thead><tbody>\n"
      + body.joined(separator: "\n") + "\n</tbody></table></div>"
  }

  private func section(of draws: [ProductResult], anchor: String, _ tables: EvaluationTables) throws -> String
  {
    guard let first = draws.first else { return "" }
    let defects = tables.defects.filter { $0.first == first.product }
    let defectTable =
      defects.isEmpty
      ? ""
      : "<table class=\"defects\"><thead><tr>"
        + tables.defectHeader.dropFirst().map { "<th>\(escaped($0))</th>" }.joined() + "</tr></thead><tbody>"
        + defects.map { "<tr>" + $0.dropFirst().map { "<td>\(escaped($0))</td>" }.joined() + "</tr>" }
        .joined()
        + "</tbody></table>"
    let only = draws.count > 1 ? " With seed \(first.seed)." : ""
    let names = first.report.references.map(escaped).joined(separator: ", ")
    let references = names.isEmpty ? "No reference" : "References: \(names)"
    return """
      <section id="\(anchor)">
      <h2>\(escaped(first.product))</h2>
      <div class="plots">
      \(EvaluationPlots.imageCurves(draws))
      \(EvaluationPlots.pixelCurves(draws))
      \(EvaluationPlots.histogram(first))
      </div>
      \(defectTable)
      <p class="caption">\(references).\(only)
      Each case: the picture, its score map, the ground truth. Maps have one scale
      \(EvaluationPlots.legend), from what only a twentieth of a good part exceeds to the usual peak of a defective one.</p>
      \(try Gallery(of: first).html())
      </section>
      """
  }

  private static let style = """
    :root{--ink:#1d2430;--dim:#667085;--paper:#fff;--soft:#f4f6f9;--rule:#d9dee7;--good:#2f6fb3;--bad:#c8472f;--limit:#1d2430}
    @media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#98a2b3;--paper:#14181f;--soft:#1d232d;--rule:#323a47;\
    --good:#6aa9ec;--bad:#f07f66;--limit:#e6e9ef}}
    body{font:15px/1.45 system-ui,"DejaVu Sans",sans-serif;color:var(--ink);background:var(--paper);max-width:1240px;\
    margin:0 auto;padding:28px 24px 60px}
    h1{font-size:28px;margin:0 0 4px}h2{font-size:21px;margin:0 0 12px}h3{font-size:15px;margin:22px 0 8px}
    header p{color:var(--dim);margin:0 0 18px}code{font-size:13px}
    .cards{display:flex;flex-wrap:wrap;gap:12px;margin-bottom:22px}
    .cards div{background:var(--soft);border-radius:8px;padding:10px 18px;color:var(--dim);font-size:13px}
    .cards b{display:block;font-size:26px;color:var(--ink);font-variant-numeric:tabular-nums}
    .cards small{font-size:14px;font-weight:400;color:var(--dim);margin-left:4px}
    .wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
    th,td{padding:5px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}
    th{color:var(--dim);font-weight:600}th:first-child,td:first-child{text-align:left}
    abbr{text-decoration:none;cursor:help}tr.product td,tr.mean td{font-weight:600}tr.mean td{border-top:2px solid var(--dim)}
    tr.published td{color:var(--dim);font-style:italic}tr.published td:first-child{padding-left:24px}
    .notes{color:var(--dim);font-size:12.5px;padding-left:18px}nav{margin:20px 0;line-height:2}
    nav a{background:var(--soft);border-radius:6px;padding:4px 10px;color:var(--ink);text-decoration:none;white-space:nowrap}
    section{border-top:1px solid var(--rule);margin-top:34px;padding-top:22px}
    .plots{display:flex;flex-wrap:wrap;gap:14px}.plots figure{margin:0;flex:1 1 340px;max-width:376px}
    figure svg{width:100%;height:auto;background:var(--soft);border-radius:8px}
    svg text{fill:var(--dim);font-size:11px}svg .title{fill:var(--ink);font-size:12.5px;font-weight:600}
    svg .grid{stroke:var(--rule);stroke-width:1}svg .good{fill:var(--good);stroke:var(--good)}
    svg .bad{fill:var(--bad);stroke:var(--bad)}svg polyline{fill:none!important;stroke-width:1.8}
    svg rect.good,svg rect.bad{fill-opacity:.55;stroke-opacity:.9;stroke-width:.7}
    svg .shade{fill:var(--rule);opacity:.45}svg .limit{stroke:var(--limit);stroke-width:1.5;stroke-dasharray:5 3}
    .defects{margin:16px 0 4px}.caption{color:var(--dim);font-size:13px}
    .legend{display:inline-block;width:90px;height:10px;border-radius:3px;vertical-align:baseline}
    .cases{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:14px}
    .case{background:var(--soft);border-radius:8px;padding:8px;border-left:5px solid var(--good)}
    .case.wrong{border-left-color:var(--bad)}.case p{margin:6px 2px 0;font-size:12.5px}
    .case p span{color:var(--dim)}.tiles{display:flex;gap:4px;align-items:flex-start}
    .tiles img,.tiles i{flex:1 1 0;min-width:0;border-radius:4px;height:auto}
    .tiles i{display:flex;align-items:center;justify-content:center;text-align:center;color:var(--dim);\
    background:var(--paper);font-size:12px}
    @media print{body{max-width:none}section{break-inside:avoid-page}}
    """
}

/// Text as HTML shows it.
func escaped(_ text: String) -> String {
  text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    .replacing("\"", with: "&quot;")
}
