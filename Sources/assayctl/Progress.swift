import Foundation

/// A progress line on standard error while somebody is looking at it; nothing in a pipe.
final class Progress {
  private let isShown = isatty(STDERR_FILENO) == 1
  private let start = ContinuousClock.now
  private var title = ""

  /// Shows how far a step of the work is, with the time it will still take: `remaining`, or what all work up to now makes likely.
  func show(_ title: String, done: Int, of total: Int, remaining: Duration? = nil) {
    guard isShown, total > 0 else { return }
    self.title = title
    let elapsed = (ContinuousClock.now - start).seconds
    let seconds = remaining?.seconds ?? elapsed / Double(done) * Double(total - done)
    let left = done > 0 ? String(format: ", %.0f s left", seconds) : ""
    let width = 24
    let filled = width * done / total
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    write("\r\u{1B}[K\(title) [\(bar)] \(done)/\(total)\(left)")
  }

  /// Removes the line.
  func finish() {
    guard isShown, !title.isEmpty else { return }
    write("\r\u{1B}[K")
    title = ""
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }

  var milliseconds: Double { seconds * 1000 }
}
