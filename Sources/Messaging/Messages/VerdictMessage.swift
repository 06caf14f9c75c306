/// `<root>/<line>/verdict`: the newest verdict, small and of fixed shape, for whoever acts on it. QoS 0, retained, never
/// sent later than live.
public struct VerdictMessage: Message {
  public var schema = "assayd.verdict/1"
  public var resultID: ULID
  public var line: String
  public var seq: UInt64
  @Nullable public var partID: String?
  public var exposureUTC: UTCTimestamp
  public var verdict: ReportedVerdict
  public var opcEvaluation: Int
  @Nullable public var score: Double?
  @Nullable public var threshold: Double?

  public init(_ result: ResultMessage) {
    resultID = result.resultID
    line = result.line
    seq = result.seq
    partID = result.partID
    exposureUTC = result.exposureUTC
    verdict = result.verdict
    opcEvaluation = result.opcEvaluation
    score = result.score
    threshold = result.threshold
  }

  enum CodingKeys: String, CodingKey {
    case schema, line, seq, verdict, score, threshold
    case resultID = "result_id"
    case partID = "part_id"
    case exposureUTC = "exposure_utc"
    case opcEvaluation = "opc_evaluation"
  }
}

/// The four words for a part; never mixed up.
public enum ReportedVerdict: String, Codable, Sendable, CaseIterable {
  case ok
  case ng
  /// The picture cannot be judged.
  case undecidable
  /// The station failed.
  case error

  /// ResultEvaluationEnum of OPC 40001-101, section 10.3: 0 Undefined, 1 OK, 2 NotOK, 3 NotDecidable.
  public var opcEvaluation: Int {
    switch self {
    case .error: 0
    case .ok: 1
    case .ng: 2
    case .undecidable: 3
    }
  }
}
