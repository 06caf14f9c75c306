import Foundation

/// A progress line on standard error while somebody is looking at it; nothing in a pipe.
final class Progress {
  private let isShown = isatty(STDERR_FILENO) == 1
  /// When the step of the work was first heard of, and how much of it was done by then.
  private var start = (time: ContinuousClock.now, done: 0)
  private var done = 0
  private var title = ""

  /// Shows how far a step of the work is, with the time it will still take: `remaining`, or what it took up to now makes likely.
  func show(_ title: String, done: Int, of total: Int, remaining: Duration? = nil) {
    guard isShown, total > 0 else { return }
    self.title = title
    let now = ContinuousClock.now
    if done < self.done { start = (now, done) }
    self.done = done
    let since = done - start.done
    let seconds =
      remaining?.seconds
      ?? (since > 0 ? (now - start.time).seconds / Double(since) * Double(total - done) : nil)
    let left = seconds.map { String(format: ", %.0f s left", $0) } ?? ""
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
