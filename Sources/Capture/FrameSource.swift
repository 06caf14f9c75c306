/// Something that takes pictures: a camera or a folder played like one.
///
/// One thread, the line's capture thread, calls `next()` again and again until it gets `.end`. It must be a thread of its
/// own, not a task: `next()` blocks, and blocked tasks take the places of Swift's small thread pool.
///
/// A source looks after itself: it opens what it needs at the first call, and after any fault it closes everything, waits
/// and opens it anew, for ever. So there is nothing to throw: a fault is news about the source, never the end of it.
public protocol FrameSource: AnyObject, Sendable {
  /// How the source is called in its frames, for example by its line.
  var name: String { get }

  /// Waits for the next thing to report and returns it.
  ///
  /// Returns at the latest when a frame arrives, a fault is found or `stop()` is called; while a camera is missing it
  /// waits between attempts to open it. Calls from several threads take turns.
  func next() -> FrameOutcome

  /// Ends the source for good: a waiting `next()` wakes at once, gives what it still holds, then `.end`. May be called
  /// from any thread, at any time, more than once.
  func stop()

  /// What happened so far. May be read from any thread, at any time, and always balances.
  var counters: SourceCounters { get }
}

/// A source whose controls (exposure, gain, ...) can be changed while it delivers, without losing a frame.
public protocol AdjustableSource: FrameSource {
  /// What of these controls the open camera would never take, a sentence each; changes nothing. Of a camera that is
  /// not open nothing is known, and the answer is empty.
  func refusals(of controls: [String: Int]) -> [String]

  /// Sets the controls now, where the camera is open, and at every later opening, in place of all that were wanted
  /// before. A control that is no longer wanted keeps its value. May be called from any thread.
  func adjust(controls: [String: Int])
}

/// What `FrameSource.next()` has to report.
public enum FrameOutcome: Sendable {
  /// A frame as fresh as can be had. Frames that waited behind it are counted as superseded.
  case frame(Frame)
  /// A frame was captured and cannot be judged; it is counted and gone. The source goes on.
  case rejected(FrameFault, sequence: UInt64)
  /// The source's state changed. Comes once a change, before the frame that shows it. The source goes on.
  case status(SourceStatus)
  /// Nothing will ever come again: `stop()` was called, or a replay that does not loop is over. Comes for ever from now.
  case end
}

/// How a source is doing.
public struct SourceStatus: Sendable, Equatable, Codable {
  /// The words of the MQTT topic `status`.
  public enum State: String, Sendable, Codable, CaseIterable {
    /// Good frames arrive.
    case running
    /// There is no such camera, or no longer.
    case noDevice = "no_device"
    /// The camera is there and delivers nothing.
    case stalled
    /// The camera delivers, and nothing of it can be used.
    case corrupt
    /// Everything else; `fault` names it.
    case faulted
  }

  public let state: State
  /// nil exactly while running.
  public let fault: SourceFault?
  /// One or more sentences for people. While running: what the camera gives and how it differs from what was asked for.
  public let explanation: String

  static func running(_ explanation: String) -> Self {
    Self(state: .running, fault: nil, explanation: explanation)
  }

  init(_ error: CaptureError) {
    self.init(state: error.fault.state, fault: error.fault, explanation: error.message)
  }

  private init(state: State, fault: SourceFault?, explanation: String) {
    self.state = state
    self.fault = fault
    self.explanation = explanation
  }
}
