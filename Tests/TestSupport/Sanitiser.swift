import Foundation

/// The sanitiser that the tests run under, if any: see `Scripts/test-sanitised`.
public enum Sanitiser {
  /// `address` or `thread`.
  public static let name = ProcessInfo.processInfo.environment["ASSAYD_SANITISER"]

  /// How many times as long a test waits for what takes a second otherwise: a debug build under a sanitiser is that slow.
  public static let patience = name == nil ? 1.0 : 6.0
}
