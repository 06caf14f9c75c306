import Evaluation
import Foundation

extension ResultReport {
  /// Two tables: verdicts by what is known of the parts, and the numbers.
  var text: String {
    var parts = lines.sorted { $0.key < $1.key }.map { (name: Terminal.harmless($0.key), part: $0.value) }
    if parts.count != 1 { parts.append(("all lines", total)) }
    var verdicts = [["verdicts", "ok", "ng", "undecidable", "error"]]
    var numbers = [["", "results", "image AUROC", "fps", "p50", "p99", "captured", "replaced", "rejected"]]
    for (name, part) in parts {
      verdicts += part.verdictRows(name)
      numbers.append(part.numberRow(name))
    }
    var text = "\n\(table(verdicts))\n\n\(table(numbers))"
    let reasons = total.frames?.rejected.filter { $0.value > 0 }.sorted { $0.key < $1.key } ?? []
    if !reasons.isEmpty {
      text += "\nRejected: " + reasons.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
    return text
  }
}

extension ResultReport.Part {
  fileprivate func verdictRows(_ name: String) -> [[String]] {
    func row(_ kind: String, _ verdicts: ResultReport.Verdicts) -> [String]? {
      guard verdicts.sum > 0 else { return nil }
      let counts = [verdicts.ok, verdicts.ng, verdicts.undecidable, verdicts.error]
      return ["\(name), \(kind)"] + counts.map { String($0) }
    }
    return [row("good", good), row("defective", defective), row("unlabelled", unlabelled)].compactMap(\.self)
  }

  fileprivate func numberRow(_ name: String) -> [String] {
    func text(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? "-"
    }
    func text(_ count: UInt64?) -> String { count.map { String($0) } ?? "-" }
    return [
      name, String(results), text(imageAUROC.map { $0 * 100 }, "%.1f"), text(framesPerSecond, "%.1f"),
      text(latency?.p50, "%.0f ms"), text(latency?.p99, "%.0f ms"), text(frames?.captured),
      text(frames?.replaced), text(frames.map { $0.rejected.values.reduce(0, +) }),
    ]
  }
}
