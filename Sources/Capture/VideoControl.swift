/// A control of a camera: exposure, gain, white balance, ...
public struct VideoControl: Sendable, Equatable, Codable {
  /// The kinds whose value is one integer; others (strings, tables) are not shown.
  public enum Kind: String, Sendable, Codable {
    case integer, boolean, menu, button, bitmask
    /// A menu whose entries are numbers.
    case integerMenu = "integer_menu"
  }

  /// V4L2's number, the same in every kernel.
  public let id: UInt32
  /// The driver's name in the spelling of `v4l2-ctl`: lower case, words joined by `_`. Kernels rename controls now and
  /// then; the older names of the common ones are understood too.
  public let name: String
  /// The driver's name.
  public let title: String
  public let kind: Kind
  public let minimum: Int
  public let maximum: Int
  /// Values are `minimum` plus a multiple of it.
  public let step: Int
  public let defaultValue: Int
  /// nil for buttons and where the driver does not tell.
  public let value: Int?
  public let isReadOnly: Bool
  /// Has no effect now, because another control (automatic exposure, for example) rules it.
  public let isInactive: Bool
  /// Cannot be changed now, because the device is streaming or another program holds it.
  public let isGrabbed: Bool
  /// The choices of a menu; empty for other kinds.
  public let menu: [MenuItem]

  public struct MenuItem: Sendable, Equatable, Codable {
    public let value: Int
    public let name: String
  }
}

/// What became of one configured control.
public struct ControlSetting: Sendable, Equatable, Codable {
  public let name: String
  public let requested: Int
  /// As read back; nil if it could not be set.
  public let actual: Int?
  /// Why `actual` is not `requested`; nil if it is.
  public let remark: String?
}
