public import Messaging

/// When a line raises an alert, and when it takes it back.
public struct AlertConfiguration: Sendable, Equatable {
  /// What is counted. Frames in a row with the same part id are one part, `ng` where one of them is.
  public var unit = AlertMessage.Unit.frames
  /// An alert opens when so many of the last `window` are `ng`, at most `window`.
  public var openAt = 3
  public var window = 5
  /// It closes after so many in a row that are `ok`.
  public var closeAfter = 10
  /// Seconds between two messages about an open alert.
  public var updateInterval = 60.0
  /// Alerts opened within an hour; further ones are counted and not sent.
  public var mostPerHour = 30

  public init() {}
}
