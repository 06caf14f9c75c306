/// The answer to a command, on the response topic and with the correlation data that the command named.
public struct AnswerMessage: Message {
  public enum Outcome: String, Codable, Sendable, CaseIterable {
    case done
    /// The command makes no sense or is not allowed now; nothing was changed.
    case refused
    /// The station tried and could not.
    case failed
  }

  public var schema = "assayd.answer/1"
  public var line: String
  /// The command's verb, as in its topic.
  public var verb: String
  public var outcome: Outcome
  /// For a person: what was done, or why it was not, one sentence; several lines where there are several reasons.
  @Nullable public var reason: String?
  /// The result that the command led to, where it led to one.
  @Nullable public var resultID: ULID?
  /// The file on the station's disk that the command led to, where it led to one.
  @Nullable public var file: String?
  public var timeUTC: UTCTimestamp

  public init(
    line: String, verb: String, outcome: Outcome, reason: String?, resultID: ULID? = nil,
    file: String? = nil, timeUTC: UTCTimestamp = .now
  ) {
    self.line = line
    self.verb = verb
    self.outcome = outcome
    self.reason = reason
    self.resultID = resultID
    self.file = file
    self.timeUTC = timeUTC
  }

  enum CodingKeys: String, CodingKey {
    case schema, line, verb, outcome, reason, file
    case resultID = "result_id"
    case timeUTC = "time_utc"
  }
}
