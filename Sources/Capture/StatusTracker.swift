/// Turns single events into status changes, so that each change is reported once.
struct StatusTracker {
  /// Rejected frames in a row that make a source `corrupt`: a cable that is touched tears a frame or two.
  static let corruptAfter = 10

  private(set) var current: SourceStatus?
  private(set) var rejectedInARow = 0

  /// A good frame came. Returns the new status if that is a change.
  mutating func accept(_ explanation: @autoclosure () -> String) -> SourceStatus? {
    rejectedInARow = 0
    if current?.state == .running { return nil }
    return change(to: .running(explanation()))
  }

  /// A frame was rejected. Returns the new status if that is a change.
  mutating func reject(_ fault: FrameFault, from source: String) -> SourceStatus? {
    rejectedInARow += 1
    guard rejectedInARow == Self.corruptAfter else { return nil }
    return change(
      to: SourceStatus(
        CaptureError(
          .corrupt,
          "\(source): \(rejectedInARow) frames in a row cannot be used, the last one: \(fault.rawValue).")))
  }

  /// The source cannot deliver. Returns the new status if that is a change.
  mutating func fail(_ error: CaptureError) -> SourceStatus? {
    rejectedInARow = 0
    return change(to: SourceStatus(error))
  }

  private mutating func change(to status: SourceStatus) -> SourceStatus? {
    if status == current { return nil }
    current = status
    return status
  }
}
