/// What the evidence store holds and did since the start of the program, as the station's status says it.
public struct EvidenceSummary: Codable, Sendable, Equatable {
  /// On the disk now.
  public var entries = 0
  public var bytes = 0
  /// On the file system, for everybody; null where it cannot be told.
  @Nullable public var freeBytes: Int?
  /// Less is kept than configured, because the disk is nearly full.
  public var isDegraded = false
  /// Frames kept, by verdict.
  public var kept: [String: Int] = [:]
  /// Entries deleted: for their `age`, for the configured `bytes`, for `room` on the disk.
  public var deleted: [String: Int] = [:]
  /// Left out: `sample`, `map`, `picture` or a whole `record` for want of room, and frames that came while the store was
  /// `busy`.
  public var omitted: [String: Int] = [:]
  /// Frames that could not be written, though their results name a place.
  public var failed = 0
  /// A sentence; null once writing works again.
  @Nullable public var trouble: String?

  public init() {
    _freeBytes = Nullable(wrappedValue: nil)
    _trouble = Nullable(wrappedValue: nil)
  }

  enum CodingKeys: String, CodingKey {
    case entries, bytes, kept, deleted, omitted, failed, trouble
    case freeBytes = "free_bytes"
    case isDegraded = "degraded"
  }
}
