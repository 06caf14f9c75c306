/// How long to wait before the next attempt to connect.
///
/// The ceiling starts at `first` and doubles with each failed attempt up to `longest`; the wait is drawn evenly
/// between half the ceiling and the ceiling, so that a hundred stations do not return to a restarted broker in
/// the same instant. Every wait therefore lies between `first / 2` and `longest`, and there is no last attempt.
public struct BackOff: Sendable, Equatable {
  public var first: Duration
  public var longest: Duration

  public init(first: Duration = .milliseconds(500), longest: Duration = .seconds(30)) {
    self.first = first
    self.longest = longest
  }

  /// The wait after `failures` failed attempts in a row (counted from 1).
  func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
    let doublings = min(max(failures - 1, 0), 30)
    let ceiling = min(first * (1 << doublings), longest)
    return ceiling * Double.random(in: 0.5...1, using: &generator)
  }
}
