/// How far an enrolment is: sent to the response topic before the answer, where the command asks for it.
public struct EnrolProgressMessage: Message {
  public enum Stage: String, Codable, Sendable, CaseIterable {
    /// Pictures taken from the line.
    case collecting
    /// Views encoded, of all references in all orientations.
    case encoding
    /// Vectors kept, of those the bank may hold.
    case reducing
    /// References scored against the others.
    case calibrating
  }

  public var schema = "assayd.enrol-progress/1"
  public var line: String
  public var stage: Stage
  public var done: Int
  public var of: Int
  public var timeUTC: UTCTimestamp

  public init(line: String, stage: Stage, done: Int, of: Int, timeUTC: UTCTimestamp = .now) {
    self.line = line
    self.stage = stage
    self.done = done
    self.of = of
    self.timeUTC = timeUTC
  }

  enum CodingKeys: String, CodingKey {
    case schema, line, stage, done, of
    case timeUTC = "time_utc"
  }
}
