/// Why a source does not deliver. The raw values are stable: they appear in statuses, logs and `devices --json`.
public enum SourceFault: String, Sendable, Codable, CaseIterable {
  /// Nothing has that name.
  case noDevice = "no_device"
  /// The camera went away while it was open.
  case unplugged
  /// This user may not open it.
  case permissionDenied = "permission_denied"
  /// Another program uses it.
  case busy
  /// The process or the machine has no memory or descriptors left.
  case outOfResources = "out_of_resources"
  /// Not a V4L2 device.
  case notAVideoDevice = "not_a_video_device"
  /// A V4L2 node that takes no pictures: metadata, output, radio, ...
  case notACamera = "not_a_camera"
  /// Only the multi-planar interface, which needs a media pipeline to be set up.
  case multiPlanarOnly = "multi_planar_only"
  /// Only `read()`, no streaming.
  case noStreaming = "no_streaming"
  /// The configured input does not exist or cannot be selected.
  case inputUnavailable = "input_unavailable"
  /// The selected input has no power or no signal.
  case noSignal = "no_signal"
  /// The configured pixel format, or any we can read, is not on offer.
  case formatUnavailable = "format_unavailable"
  /// The driver did not take the format it offers, or answered with one that makes no sense.
  case formatRefused = "format_refused"
  /// The driver gives single fields of an interlaced picture.
  case separateFields = "separate_fields"
  /// Buffers cannot be had, mapped or queued.
  case buffersRefused = "buffers_refused"
  /// The bus has no room for the stream: `ENOSPC` when it is started.
  case noBandwidth = "no_bandwidth"
  /// Streaming cannot be started for another reason.
  case streamRefused = "stream_refused"
  /// Streaming broke off with an error of the driver.
  case streamError = "stream_error"
  /// The input's resolution or timing changed.
  case sourceChanged = "source_changed"
  /// No frame for too long.
  case stalled
  /// Frames, but for too long no usable one.
  case corrupt
  /// The folder to replay does not exist or cannot be read.
  case folderMissing = "folder_missing"
  /// The folder to replay holds no pictures.
  case folderEmpty = "folder_empty"
  /// The list of files and labels is malformed.
  case listingInvalid = "listing_invalid"

  /// What a line with this fault reports.
  public var state: SourceStatus.State {
    switch self {
    case .noDevice, .unplugged: .noDevice
    case .stalled: .stalled
    case .corrupt: .corrupt
    default: .faulted
    }
  }
}

/// A fault and its explanation for people: what, where, and what to do.
public struct CaptureError: Error, Equatable, CustomStringConvertible {
  public let fault: SourceFault
  public let message: String

  init(_ fault: SourceFault, _ message: String) {
    self.fault = fault
    self.message = message
  }

  public var description: String { message }
}
