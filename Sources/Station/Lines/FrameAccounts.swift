import Capture
import Messaging
import Synchronization

/// What became of every frame a line captured, since the station started.
///
/// captured = judged + replaced + rejected + inFlight, always; once a line has stopped nothing is in flight.
public struct FrameCounts: Sendable, Equatable {
  /// Frames the source took, good or bad.
  public var captured: UInt64 = 0
  /// Frames the inspector gave a verdict about.
  public var judged: UInt64 = 0
  /// Frames a newer one pushed out before they could be judged.
  public var replaced: UInt64 = 0
  /// Frames that could not be judged, by reason.
  public var rejected: [String: UInt64] = [:]
  /// Frames that were decoded with a harmless warning, whatever became of them afterwards.
  public var withWarnings: UInt64 = 0

  public init() {}

  public var rejectedTotal: UInt64 { rejected.values.reduce(0, +) }

  /// Frames on their way: one the source is about to hand over, one in the mailbox and one being judged, at most.
  public var inFlight: UInt64 { captured - judged - replaced - rejectedTotal }

  var message: FrameCounters {
    FrameCounters(
      captured: captured, judged: judged, replaced: replaced, rejected: rejected, withWarnings: withWarnings)
  }
}

/// The one place where a line counts what happened to the frames its source delivered.
final class FrameAccounts: Sendable {
  private let handled = Mutex(FrameCounts())

  func judged() { handled.withLock { $0.judged += 1 } }
  func decodedWithWarnings() { handled.withLock { $0.withWarnings += 1 } }
  func replaced() { handled.withLock { $0.replaced += 1 } }
  func rejected(_ reason: String) { handled.withLock { $0.rejected[reason, default: 0] += 1 } }

  /// Joined with what the source itself captured, overtook and rejected.
  func counts(with source: some FrameSource) -> FrameCounts {
    // In this order: what was handled had been captured before, so nothing in flight is ever negative.
    var counts = handled.withLock { $0 }
    let captured = source.counters
    counts.captured = captured.captured
    counts.replaced += captured.superseded
    for (fault, count) in captured.rejected { counts.rejected[fault.rawValue, default: 0] += count }
    return counts
  }
}
