/// `<root>/<line>/status`: how a line is. Retained, published at each change and at each connect.
public struct StatusMessage: Message {
  /// Named after what a person has to do: nothing, plug in, look at the camera, look at the cable, read the log.
  public enum State: String, Codable, Sendable, CaseIterable {
    /// Frames arrive and are judged.
    case running
    /// The camera is not there.
    case noDevice = "no_device"
    /// The camera is there but delivers no frames.
    case stalled
    /// Frames arrive but most of them are damaged.
    case corrupt
    /// The line cannot work at all; `reason` says why.
    case faulted
  }

  public var schema = "assayd.status/1"
  public var line: String
  public var bootID: String
  public var state: State
  /// One sentence for a person; null while running.
  @Nullable public var reason: String?
  /// When the state began.
  public var sinceUTC: UTCTimestamp
  /// Judged frames per second over the last seconds.
  @Nullable public var fps: Double?
  @Nullable public var recipe: RecipeReference?
  public var counters: FrameCounters

  public init(
    line: String, bootID: String, state: State, reason: String?, sinceUTC: UTCTimestamp, fps: Double?,
    recipe: RecipeReference?, counters: FrameCounters
  ) {
    self.line = line
    self.bootID = bootID
    self.state = state
    self.reason = reason
    self.sinceUTC = sinceUTC
    self.fps = fps
    self.recipe = recipe
    self.counters = counters
  }

  enum CodingKeys: String, CodingKey {
    case schema, line, state, reason, fps, recipe, counters
    case bootID = "boot_id"
    case sinceUTC = "since_utc"
  }
}

/// Frames since the start of the program: `captured` = `judged` + `replaced` + the sum of `rejected` + `in_flight`, always.
public struct FrameCounters: Codable, Sendable, Equatable {
  public var captured: UInt64
  public var judged: UInt64
  /// Overtaken by a newer frame before they were judged.
  public var replaced: UInt64
  /// By reason, for example `truncated`.
  public var rejected: [String: UInt64]
  /// On their way through the station at that moment; none once the line has stopped.
  public var inFlight: UInt64
  /// Decoded with a harmless warning; these are judged all the same.
  public var withWarnings: UInt64

  public init(
    captured: UInt64, judged: UInt64, replaced: UInt64, rejected: [String: UInt64], inFlight: UInt64,
    withWarnings: UInt64
  ) {
    self.captured = captured
    self.judged = judged
    self.replaced = replaced
    self.rejected = rejected
    self.inFlight = inFlight
    self.withWarnings = withWarnings
  }

  private enum CodingKeys: String, CodingKey {
    case captured, judged, replaced, rejected
    case inFlight = "in_flight"
    case withWarnings = "with_warnings"
  }
}

/// Which recipe, in which version.
public struct RecipeReference: Codable, Sendable, Equatable {
  public var id: String
  /// Version of its learned state (memory bank, calibration).
  @Nullable public var version: String?
  @Nullable public var hash: String?

  public init(id: String, version: String?, hash: String?) {
    self.id = id
    self.version = version
    self.hash = hash
  }
}
