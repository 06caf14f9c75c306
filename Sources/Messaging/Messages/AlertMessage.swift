/// `<root>/<line>/alert`: something a person has to act on, from its beginning to its end. QoS 1, through the outbox, at
/// least once. The latest message of an `alert_id` says all there is to know about it.
public struct AlertMessage: Message {
  public enum State: String, Codable, Sendable, CaseIterable {
    case opened
    case updated
    case closed
  }

  /// Why an alert was closed.
  public enum Closing: String, Codable, Sendable, CaseIterable {
    /// Enough good frames or parts in a row.
    case recovered
    /// The line runs another recipe, or another version of it.
    case recipeChanged = "recipe_changed"
    /// The line is not configured any more, or its alerts are not.
    case removed
  }

  /// What is counted.
  public enum Unit: String, Codable, Sendable, CaseIterable {
    case frames
    case parts
  }

  public struct Acknowledgement: Codable, Sendable, Equatable {
    /// Who, as the command says.
    public var by: String
    public var timeUTC: UTCTimestamp
    /// What they had to say.
    @Nullable public var note: String?

    public init(by: String, timeUTC: UTCTimestamp, note: String?) {
      self.by = by
      self.timeUTC = timeUTC
      self.note = note
    }

    enum CodingKeys: String, CodingKey {
      case by, note
      case timeUTC = "time_utc"
    }
  }

  public var schema = "assayd.alert/1"
  public var alertID: ULID
  /// Counts the messages of the alert from 1.
  public var revision: Int
  public var state: State
  @Nullable public var closing: Closing?
  public var line: String
  /// Of the run that sent the message; an alert may outlive the one that opened it.
  public var bootID: String
  public var openedUTC: UTCTimestamp
  public var timeUTC: UTCTimestamp
  /// One sentence for a person.
  public var reason: String
  public var unit: Unit
  /// Since the alert opened, those included that opened it: how many were `ng`, and how many were judged.
  public var ng: Int
  public var judged: Int
  @Nullable public var recipe: RecipeReference?
  /// The worst frame so far: its result, its part, what was found, and where its evidence is.
  @Nullable public var resultID: ULID?
  @Nullable public var partID: String?
  @Nullable public var score: Double?
  @Nullable public var threshold: Double?
  @Nullable public var region: ResultMessage.Region?
  @Nullable public var evidenceURI: String?
  @Nullable public var acknowledged: Acknowledgement?
  /// Alerts of the line that were not sent before this one, because there were too many.
  public var suppressed: Int
  /// True where the message comes later than live.
  public var replayed = false

  public init(
    alertID: ULID, line: String, bootID: String, openedUTC: UTCTimestamp, reason: String, unit: Unit, ng: Int,
    judged: Int, worst: ResultMessage, suppressed: Int
  ) {
    self.alertID = alertID
    revision = 1
    state = .opened
    closing = nil
    self.line = line
    self.bootID = bootID
    self.openedUTC = openedUTC
    timeUTC = openedUTC
    self.reason = reason
    self.unit = unit
    self.ng = ng
    self.judged = judged
    self.suppressed = suppressed
    acknowledged = nil
    recipe = worst.recipe
    show(worst)
  }

  /// Names another frame as the worst.
  public mutating func show(_ worst: ResultMessage) {
    resultID = worst.resultID
    partID = worst.partID
    score = worst.score
    threshold = worst.threshold
    region = worst.regions.first
    evidenceURI = worst.evidenceURI
  }

  enum CodingKeys: String, CodingKey {
    case schema, revision, state, closing, line, reason, unit, ng, judged, recipe, score, threshold, region
    case acknowledged, suppressed, replayed
    case alertID = "alert_id"
    case bootID = "boot_id"
    case openedUTC = "opened_utc"
    case timeUTC = "time_utc"
    case resultID = "result_id"
    case partID = "part_id"
    case evidenceURI = "evidence_uri"
  }
}
