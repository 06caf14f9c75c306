public import Imaging

/// What is wanted of a camera. Nothing here changes while it runs.
public struct CameraOptions: Sendable, Equatable {
  /// Which camera: a path, best one of `/dev/v4l/by-id` or `/dev/v4l/by-path` because `/dev/videoN` numbers change with
  /// the order of plugging; or the name of an entry of `/dev/v4l/by-id`, with or without `-video-index0` at its end.
  public var device: String
  /// Which of the device's inputs; nil leaves the selected one. USB cameras have one only.
  public var input: Int?
  /// nil chooses: the format that reaches the wanted size and rate best, uncompressed rather than compressed.
  public var format: PixelFormat?
  /// In pixels; nil means as large as can be. The nearest allowed size is used.
  public var width: Int?
  /// In pixels; nil means as large as can be.
  public var height: Int?
  /// nil means as fast as can be in the chosen format. The allowed rate nearest in proportion
  /// is used.
  public var framesPerSecond: Double?
  /// Control names, as `assayctl devices` shows them, and values. They are set at every opening.
  public var controls: [String: Int]
  /// Overrides what the driver says of the colours, which many say wrongly.
  public var colour: ColourEncoding?
  /// The frames are released by something outside, so that silence is no fault.
  public var isTriggered: Bool

  public init(
    device: String, input: Int? = nil, format: PixelFormat? = nil, width: Int? = nil, height: Int? = nil,
    framesPerSecond: Double? = nil, controls: [String: Int] = [:], colour: ColourEncoding? = nil,
    isTriggered: Bool = false
  ) {
    self.device = device
    self.input = input
    self.format = format
    self.width = width
    self.height = height
    self.framesPerSecond = framesPerSecond
    self.controls = controls
    self.colour = colour
    self.isTriggered = isTriggered
  }
}
