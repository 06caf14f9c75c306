/// `<root>/<line>/stats`: how the last interval went. QoS 0.
public struct StatsMessage: Message {
  public var schema = "assayd.stats/1"
  public var line: String
  public var bootID: String
  public var fromUTC: UTCTimestamp
  public var toUTC: UTCTimestamp
  /// Since the start of the program, as in the status.
  public var counters: FrameCounters
  /// Verdicts since the start of the program.
  public var verdicts: Verdicts
  /// From exposure to message, over the interval; null where nothing was judged.
  @Nullable public var latency: Latency?
  @Nullable public var score: ScoreSummary?
  /// The station's messages that wait for the broker.
  public var outbox: OutboxSummary

  public init(
    line: String, bootID: String, fromUTC: UTCTimestamp, toUTC: UTCTimestamp, counters: FrameCounters,
    verdicts: Verdicts, latency: Latency?, score: ScoreSummary?, outbox: OutboxSummary
  ) {
    self.line = line
    self.bootID = bootID
    self.fromUTC = fromUTC
    self.toUTC = toUTC
    self.counters = counters
    self.verdicts = verdicts
    self.latency = latency
    self.score = score
    self.outbox = outbox
  }

  enum CodingKeys: String, CodingKey {
    case schema, line, counters, verdicts, score, outbox
    case bootID = "boot_id"
    case fromUTC = "from_utc"
    case toUTC = "to_utc"
    case latency = "latency_ms"
  }
}

extension StatsMessage {
  public struct Verdicts: Codable, Sendable, Equatable {
    public var ok: UInt64
    public var ng: UInt64
    public var undecidable: UInt64
    public var error: UInt64

    public init(ok: UInt64, ng: UInt64, undecidable: UInt64, error: UInt64) {
      self.ok = ok
      self.ng = ng
      self.undecidable = undecidable
      self.error = error
    }

    public var total: UInt64 { ok + ng + undecidable + error }
  }

  /// Milliseconds.
  public struct Latency: Codable, Sendable, Equatable {
    public var p50: Double
    public var p90: Double
    public var p99: Double
    public var max: Double

    public init(p50: Double, p90: Double, p99: Double, max: Double) {
      self.p50 = p50
      self.p90 = p90
      self.p99 = p99
      self.max = max
    }
  }

  /// Image scores over the interval.
  public struct ScoreSummary: Codable, Sendable, Equatable {
    public var median: Double
    public var p95: Double
    /// Median now minus the median at calibration, as a fraction of the threshold; null without a calibration.
    @Nullable public var drift: Double?

    public init(median: Double, p95: Double, drift: Double?) {
      self.median = median
      self.p95 = p95
      self.drift = drift
    }
  }
  /// The accounts of the outbox since the start of the program:
  /// `appended` + `recovered` = `acknowledged` + `rejected` + `dropped` + `waiting`.
  public struct OutboxSummary: Codable, Sendable, Equatable {
    /// Given way, by reason.
    public struct Dropped: Codable, Sendable, Equatable {
      public var age: Int
      public var space: Int
      /// Held by a file that was damaged.
      public var damage: Int
    }

    public var appended: Int
    /// Left by an earlier run.
    public var recovered: Int
    public var acknowledged: Int
    public var waiting: Int
    public var waitingBytes: Int
    /// Of those waiting, the ones that are not on the disk yet.
    public var unwritten: Int
    public var dropped: Int
    public var droppedFor: Dropped
    /// Refused for good, by the broker or for their length.
    public var rejected: Int
    /// A sentence where messages are kept in memory only.
    @Nullable public var trouble: String?

    public init(_ counts: OutboxCounts) {
      appended = counts.appended
      recovered = counts.recovered
      acknowledged = counts.acknowledged
      waiting = counts.waiting
      waitingBytes = counts.waitingBytes
      unwritten = counts.unwritten
      dropped = counts.dropped
      droppedFor = Dropped(
        age: counts.droppedForAge, space: counts.droppedForSpace, damage: counts.droppedForDamage)
      rejected = counts.rejected
      trouble = counts.trouble
    }

    enum CodingKeys: String, CodingKey {
      case appended, recovered, acknowledged, waiting, unwritten, dropped, rejected, trouble
      case waitingBytes = "waiting_bytes"
      case droppedFor = "dropped_for"
    }
  }
}
