import Evaluation
import Foundation
import Messaging

extension ResultMessage {
  /// The result in one line for a person.
  ///
  /// - Parameter nameWidth: columns for the name of the line.
  func line(_ observed: ObservedResult, nameWidth: Int, on terminal: Terminal) -> String {
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    var cells = [
      exposureUTC.timeOfDay, padded(Terminal.harmless(line), nameWidth),
      terminal.paint(padded(verdict.rawValue, 11), verdict.colour),
    ]
    if let score, let threshold { cells.append(String(format: "%.4f / %.4f", score, threshold)) }
    cells.append(
      observed.latency.map { String(format: "%5.0f ms", $0) } ?? (replayed ? "    late" : "       -"))
    if let partID { cells.append(Terminal.harmless(partID)) }
    if let expected {
      let text = "expected " + Terminal.harmless(expected)
      let isWrong = observed.isGood == true && verdict == .ng || observed.isGood == false && verdict == .ok
      cells.append(isWrong ? terminal.paint(text, .red) : text)
    }
    if let largest = regions.max(by: { $0.areaPx < $1.areaPx }) {
      let size = largest.areaMm2.map { String(format: "%.1f mm²", $0) } ?? "\(Int(largest.areaPx)) px"
      cells.append(regions.count == 1 ? "1 region of \(size)" : "\(regions.count) regions, largest \(size)")
    } else if verdict != .ok, let reason {
      cells.append(Terminal.harmless(reason))
    }
    return cells.joined(separator: "  ")
  }
}

extension ReportedVerdict {
  fileprivate var colour: Terminal.Colour {
    switch self {
    case .ok: .green
    case .ng: .red
    case .undecidable: .yellow
    case .error: .magenta
    }
  }
}

extension UTCTimestamp {
  /// `06:30:00.123Z`.
  var timeOfDay: String { String(description.dropFirst(11).prefix(12)) + "Z" }
}
