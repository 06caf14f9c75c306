/// `<root>/status`: how the whole station is, in every detail it knows of itself. Retained, published at each change, at
/// each connect and every few seconds. The console and `assayctl status` say the same.
public struct StationStatusMessage: Message {
  public var schema = "assayd.station/1"
  public var station: String
  public var version: String
  public var bootID: String
  public var startedUTC: UTCTimestamp
  public var timeUTC: UTCTimestamp
  @Nullable public var instructionSet: String?
  @Nullable public var modelHash: String?
  /// The first line is up, or all are known not to be.
  public var isReady: Bool
  /// Every line judges what it gets, has nothing to judge, or is known to be faulted.
  public var isHealthy: Bool
  public var process: Process
  public var configuration: Configuration
  public var broker: Broker
  public var outbox: StatsMessage.OutboxSummary
  public var evidence: EvidenceSummary
  public var lines: [Line]

  public init(
    station: String, version: String, bootID: String, startedUTC: UTCTimestamp, timeUTC: UTCTimestamp,
    instructionSet: String?, modelHash: String?, isReady: Bool, isHealthy: Bool, process: Process,
    configuration: Configuration, broker: Broker, outbox: StatsMessage.OutboxSummary,
    evidence: EvidenceSummary, lines: [Line]
  ) {
    self.station = station
    self.version = version
    self.bootID = bootID
    self.startedUTC = startedUTC
    self.timeUTC = timeUTC
    self.instructionSet = instructionSet
    self.modelHash = modelHash
    self.isReady = isReady
    self.isHealthy = isHealthy
    self.process = process
    self.configuration = configuration
    self.broker = broker
    self.outbox = outbox
    self.evidence = evidence
    self.lines = lines
  }

  enum CodingKeys: String, CodingKey {
    case schema, station, version, process, configuration, broker, outbox, evidence, lines
    case bootID = "boot_id"
    case startedUTC = "started_utc"
    case timeUTC = "time_utc"
    case instructionSet = "instruction_set"
    case modelHash = "model_hash"
    case isReady = "ready"
    case isHealthy = "healthy"
  }
}

extension StationStatusMessage {
  /// The configuration in use, and why another one is not.
  public struct Configuration: Codable, Sendable, Equatable {
    public var hash: String
    /// When it was taken into use.
    public var sinceUTC: UTCTimestamp
    /// Whether it is the last good one because the files were broken at the start.
    public var isLastGood: Bool
    /// Why the files, as they are now, are not in use; null where they are.
    @Nullable public var refusal: Refusal?
    /// Since the start of the program: how often somebody asked for a reload, and how often it was refused.
    public var reloads: UInt64
    public var refusals: UInt64

    public init(
      hash: String, sinceUTC: UTCTimestamp, isLastGood: Bool, refusal: Refusal?, reloads: UInt64,
      refusals: UInt64
    ) {
      self.hash = hash
      self.sinceUTC = sinceUTC
      self.isLastGood = isLastGood
      self.refusal = refusal
      self.reloads = reloads
      self.refusals = refusals
    }

    enum CodingKeys: String, CodingKey {
      case hash, refusal, reloads, refusals
      case sinceUTC = "since_utc"
      case isLastGood = "last_good"
    }
  }

  public struct Refusal: Codable, Sendable, Equatable {
    public var timeUTC: UTCTimestamp
    /// Who asked: `start`, `SIGHUP`, `file change` or `command`.
    public var cause: String
    /// Each `file:line:column: sentence`.
    public var problems: [String]

    public init(timeUTC: UTCTimestamp, cause: String, problems: [String]) {
      self.timeUTC = timeUTC
      self.cause = cause
      self.problems = problems
    }

    enum CodingKeys: String, CodingKey {
      case cause, problems
      case timeUTC = "time_utc"
    }
  }

  /// What the program costs the machine.
  public struct Process: Codable, Sendable, Equatable {
    public var residentBytes: Int
    /// Of all threads together, since the start.
    public var cpuSeconds: Double

    public init(residentBytes: Int, cpuSeconds: Double) {
      self.residentBytes = residentBytes
      self.cpuSeconds = cpuSeconds
    }

    enum CodingKeys: String, CodingKey {
      case residentBytes = "resident_bytes"
      case cpuSeconds = "cpu_s"
    }
  }

  public struct Broker: Codable, Sendable, Equatable {
    /// `connecting`, `online` or `waiting` (between two attempts).
    public var connection: String
    /// The newest fault, also after it is over.
    @Nullable public var fault: String?
    public var connects: Int
    public var failures: Int
    /// Messages that are worth nothing when late, dropped because the broker was away or too slow.
    public var dropped: Int

    public init(_ status: MQTTStatus) {
      connection = status.connection.rawValue
      fault = status.fault?.description
      connects = status.connects
      failures = status.failures
      dropped = status.dropped
    }
  }

  public struct Line: Codable, Sendable, Equatable {
    public var line: String
    public var state: StatusMessage.State
    @Nullable public var reason: String?
    public var sinceUTC: UTCTimestamp
    @Nullable public var fps: Double?
    public var recipe: RecipeReference
    /// What a person should know though the line can judge, in a sentence.
    @Nullable public var note: String?
    public var counters: FrameCounters
    /// Frames that the counters do not explain: 0, or the program is wrong.
    public var unaccounted: UInt64
    public var verdicts: StatsMessage.Verdicts
    /// From exposure to message, since the start of the program.
    public var latency: Histogram
    public var alerts: Alerts

    public init(
      line: String, state: StatusMessage.State, reason: String?, sinceUTC: UTCTimestamp, fps: Double?,
      recipe: RecipeReference, note: String?, counters: FrameCounters, unaccounted: UInt64,
      verdicts: StatsMessage.Verdicts, latency: Histogram, alerts: Alerts
    ) {
      self.line = line
      self.state = state
      self.reason = reason
      self.sinceUTC = sinceUTC
      self.fps = fps
      self.recipe = recipe
      self.note = note
      self.counters = counters
      self.unaccounted = unaccounted
      self.verdicts = verdicts
      self.latency = latency
      self.alerts = alerts
    }

    enum CodingKeys: String, CodingKey {
      case line, state, reason, fps, recipe, note, counters, unaccounted, verdicts, alerts
      case sinceUTC = "since_utc"
      case latency = "latency_ms"
    }
  }

  /// A line's alerts since the start of the program.
  public struct Alerts: Codable, Sendable, Equatable {
    /// The one that is open.
    @Nullable public var open: ULID?
    public var opened: Int
    /// Not sent because there were too many.
    public var suppressed: Int

    public init(open: ULID?, opened: Int, suppressed: Int) {
      self.open = open
      self.opened = opened
      self.suppressed = suppressed
    }
  }

  /// How many values fell into each of a row of classes.
  public struct Histogram: Codable, Sendable, Equatable {
    /// Upper bounds of the classes, ascending; one more class has no bound.
    public var bounds: [Double]
    /// One for each bound, and one for what exceeds the last.
    public var counts: [UInt64]
    public var sum: Double

    public init(bounds: [Double]) {
      self.bounds = bounds
      counts = [UInt64](repeating: 0, count: bounds.count + 1)
      sum = 0
    }

    public mutating func add(_ value: Double) {
      counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
      sum += value
    }

    public var count: UInt64 { counts.reduce(0, +) }

    /// Milliseconds from the fastest line to one that computes on one old core.
    public static let latencyMilliseconds: [Double] = [
      5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 2000, 5000, 10_000,
    ]
  }
}
