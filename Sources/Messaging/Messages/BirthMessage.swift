/// `<root>/birth`: what runs here. Retained, published again at each connect.
public struct BirthMessage: Message {
  public var schema = "assayd.birth/1"
  /// Version of the program.
  public var version: String
  /// New at each start of the program; sequence numbers count from 1 within it.
  public var bootID: String
  public var startedUTC: UTCTimestamp
  @Nullable public var configHash: String?
  @Nullable public var modelHash: String?
  /// The kernels' path, for example `avx512-vnni`.
  @Nullable public var instructionSet: String?
  /// Names of the lines, as in the topics.
  public var lines: [String]

  public init(
    version: String, bootID: String, startedUTC: UTCTimestamp, configHash: String?, modelHash: String?,
    instructionSet: String?, lines: [String]
  ) {
    self.version = version
    self.bootID = bootID
    self.startedUTC = startedUTC
    self.configHash = configHash
    self.modelHash = modelHash
    self.instructionSet = instructionSet
    self.lines = lines
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, lines
    case bootID = "boot_id"
    case startedUTC = "started_utc"
    case configHash = "config_hash"
    case modelHash = "model_hash"
    case instructionSet = "instruction_set"
  }
}
