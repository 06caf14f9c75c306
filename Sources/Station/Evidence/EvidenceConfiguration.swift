/// What is kept of judged frames, and for how long.
public struct EvidenceConfiguration: Sendable, Equatable {
  /// Of the frames of a line that are not `ng`, one in so many is kept; 0 keeps none. Every `ng` is kept.
  public var sampleEvery = 100
  /// Days after which evidence is deleted.
  public var days = 30
  /// Bytes all evidence may take; beyond that the oldest is deleted.
  public var bytes = 4096 << 20
  /// Bytes of its file system that the store leaves to others, above all to the spool.
  public var reserve = 1024 << 20

  public init() {}
}
