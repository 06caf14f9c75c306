/// What is known under a line's name since the program's start: what became of its frames, and the numbers of its
/// results, which go on without a gap where the line is taken away and added again.
final class LineRecord: Sendable {
  let accounts = FrameAccounts()
  let reporter: LineReporter

  init(reporter: LineReporter) { self.reporter = reporter }
}
