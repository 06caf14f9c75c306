import Capture
import Glibc
import Imaging
import Inspection
import Synchronization
import Transformer

/// Lets enrolments and proofs give way to judging.
///
/// All lines and an enrolment share one pool of compute threads, which the operating system cannot rank: a picture
/// that is being encoded for a bank holds the pool. So the background asks before each picture and waits while a line
/// has a frame in hand; it waits only so long, for a station that is never idle must be able to enrol all the same.
final class ForegroundPriority: Sendable {
  private let busyLines = Atomic<Int>(0)

  func foreground<Result>(_ body: () throws -> Result) rethrows -> Result {
    busyLines.add(1, ordering: .relaxed)
    defer { busyLines.subtract(1, ordering: .relaxed) }
    return try body()
  }

  /// Returns when no line has a frame in hand, at the latest after `patience` seconds.
  func waitForQuiet(patience: Double = 0.25) {
    let deadline = MonotonicInstant.now.advanced(seconds: patience)
    while busyLines.load(ordering: .relaxed) > 0, .now < deadline { usleep(1000) }
  }
}

/// An encoder for the background: before each picture it lets the lines go first.
struct BackgroundEncoder: ImageEncoder {
  let base: any ImageEncoder
  let priority: ForegroundPriority

  var configuration: ImageTowerConfiguration { base.configuration }
  var modelHash: String { base.modelHash }

  func encode(_ picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchTokens {
    priority.waitForQuiet()
    return try base.encode(picture, taps: taps)
  }
}

extension InspectionEngine {
  /// The same engine for the background.
  func polite(_ priority: ForegroundPriority) -> InspectionEngine {
    InspectionEngine(
      encoder: BackgroundEncoder(base: encoder, priority: priority), search: search,
      instructionSet: instructionSet, model: model)
  }
}
