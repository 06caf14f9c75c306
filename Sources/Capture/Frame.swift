public import Imaging

/// One captured picture, not decoded yet, and what is known of its origin. It carries this to the result.
public struct Frame: Sendable {
  public var image: RawImage
  /// Name of the source that took it.
  public var source: String
  /// Counts the source's frames from 0, those the driver lost and those rejected included. It goes on across reopening.
  public var sequence: UInt64
  /// When the picture was exposed, as well as `clockQuality` says.
  public var exposure: MonotonicInstant
  /// `exposure` on the wall clock, by the offset between both clocks when the frame arrived.
  public var exposureUTC: UTCInstant
  public var clockQuality: ClockQuality
  /// When the frame was taken from the driver; `arrival.since(exposure)` is the time it took to get here.
  public var arrival: MonotonicInstant
  public var flags: FrameFlags
  /// What a replayed folder tells about the picture; nil from a camera.
  public var label: FrameLabel?

  public init(
    image: RawImage, source: String, sequence: UInt64, exposure: MonotonicInstant, exposureUTC: UTCInstant,
    clockQuality: ClockQuality, arrival: MonotonicInstant, flags: FrameFlags = [], label: FrameLabel? = nil
  ) {
    self.image = image
    self.source = source
    self.sequence = sequence
    self.exposure = exposure
    self.exposureUTC = exposureUTC
    self.clockQuality = clockQuality
    self.arrival = arrival
    self.flags = flags
    self.label = label
  }
}

/// Circumstances of a frame that do not make it unusable.
public struct FrameFlags: OptionSet, Sendable, Hashable, Codable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The driver lost frames directly before this one.
  public static let afterGap = FrameFlags(rawValue: 1 << 0)
  /// The first frame since the source was opened, or opened again.
  public static let afterOpen = FrameFlags(rawValue: 1 << 1)
  /// Two fields taken at different times: moving parts show combs.
  public static let interlaced = FrameFlags(rawValue: 1 << 2)
}

/// What a folder tells about one of its pictures.
public struct FrameLabel: Sendable, Hashable, Codable {
  /// Path of the file within the replayed folder.
  public var file: String
  /// `good`, the name of a defect, or nil where the folder does not tell.
  public var kind: String?

  public init(file: String, kind: String?) {
    self.file = file
    self.kind = kind
  }

  /// nil where the folder does not tell.
  public var isGood: Bool? { kind.map { $0 == "good" } }
}
