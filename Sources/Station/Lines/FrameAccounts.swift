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
  public var inFlight: UInt64 {
    let handled = judged + replaced + rejectedTotal
    return captured > handled ? captured - handled : 0
  }

  /// Frames that are nowhere: more in flight than there are places for, or more handled than were captured. 0, or the
  /// program is wrong.
  ///
  /// - Parameter places: where a frame can be on its way.
  func unaccounted(places: Int) -> UInt64 {
    let handled = judged + replaced + rejectedTotal
    if handled > captured { return handled - captured }
    return inFlight > UInt64(places) ? inFlight - UInt64(places) : 0
  }

  var message: FrameCounters {
    FrameCounters(
      captured: captured, judged: judged, replaced: replaced, rejected: rejected, inFlight: inFlight,
      withWarnings: withWarnings)
  }
}

/// The one place where it is counted what happened to the frames that sources delivered to a line.
final class FrameAccounts: Sendable {
  private struct State {
    var handled = FrameCounts()
    /// Of sources that have ended.
    var former = SourceCounters()
    /// All others: the present one, and such as never came back from their driver.
    var sources: [any FrameSource] = []
  }

  private let state = Mutex(State())

  func judged() { state.withLock { $0.handled.judged += 1 } }
  func decodedWithWarnings() { state.withLock { $0.handled.withWarnings += 1 } }
  func replaced() { state.withLock { $0.handled.replaced += 1 } }
  func rejected(_ reason: String) { state.withLock { $0.handled.rejected[reason, default: 0] += 1 } }

  /// Counts what a source captures from now on.
  func attach(_ source: any FrameSource) { state.withLock { $0.sources.append(source) } }

  /// Lets go of a source that has ended, and keeps what it counted.
  func retire(_ source: any FrameSource) {
    let counters = source.counters
    state.withLock { state in
      guard let index = state.sources.firstIndex(where: { $0 === source }) else { return }
      state.sources.remove(at: index)
      state.former = state.former + counters
    }
  }

  /// Joined with what the sources themselves captured, overtook and rejected.
  var counts: FrameCounts {
    // What was handled had been captured before, so it is read first and nothing in flight is ever negative. Where more
    // was handled meanwhile, that would pass for being in flight: look again, but not for ever.
    var state = state.withLock { $0 }
    for _ in 0..<32 {
      let counts = Self.counts(state)
      let later = self.state.withLock { $0 }
      if later.handled == state.handled { return counts }
      state = later
    }
    return Self.counts(state)
  }

  private static func counts(_ state: State) -> FrameCounts {
    var counts = state.handled
    let captured = state.sources.reduce(state.former) { $0 + $1.counters }
    counts.captured = captured.captured
    counts.replaced += captured.superseded
    for (fault, count) in captured.rejected { counts.rejected[fault.rawValue, default: 0] += count }
    return counts
  }
}
