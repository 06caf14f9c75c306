/// One V4L2 node of this machine: what it is, what it offers and, in words, why it cannot be used.
public struct DeviceInfo: Sendable, Equatable, Codable {
  /// For example `/dev/video0`; changes with the order of plugging.
  public let node: String
  /// Links of `/dev/v4l/by-id` to it: stay with the camera. Empty for cameras without a USB identity.
  public let byID: [String]
  /// Links of `/dev/v4l/by-path` to it: stay with the socket.
  public let byPath: [String]
  /// Name the device gives itself; empty if it could not be asked, as all that follows.
  public let card: String
  public let driver: String
  /// Where it is plugged in.
  public let bus: String
  public let inputs: [VideoInput]
  public let formats: [VideoFormat]
  public let controls: [VideoControl]
  /// Why it cannot be used; nil if it can.
  public let fault: SourceFault?
  /// `fault` as a sentence; nil if it can be used.
  public let explanation: String?

  public var isUsable: Bool { fault == nil }

  /// The best name for a configuration file.
  public var stableName: String { byID.first ?? byPath.first ?? node }
}
