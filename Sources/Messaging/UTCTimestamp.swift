public import Foundation

/// A moment in UTC with nanoseconds, written as RFC 3339 with nine decimals: `2026-03-01T06:30:00.123456789Z`.
public struct UTCTimestamp: Sendable, Hashable, Comparable, LosslessStringConvertible, Codable {
  /// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// To the precision of `Date`, about 0.2 µs in this century.
  public init(_ date: Date) { nanoseconds = Int64((date.timeIntervalSince1970 * 1e9).rounded()) }

  public static var now: UTCTimestamp { UTCTimestamp(Date.now) }

  public var description: String {
    let second: Int64 = 1_000_000_000
    let seconds = nanoseconds.floorDivided(by: second)
    let days = seconds.floorDivided(by: 86_400)
    let date = CivilDate(daysSince1970: days)
    let time = seconds - days * 86_400
    func padded(_ value: Int64, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
      + "T\(padded(time / 3600, 2)):\(padded(time / 60 % 60, 2)):\(padded(time % 60, 2))"
      + ".\(padded(nanoseconds - seconds * second, 9))Z"
  }

  /// Nil unless the text is RFC 3339 in UTC (`Z`) with at most nine decimals, between 1678 and 2261.
  public init?(_ description: String) {
    let pattern = /(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z/
    guard let match = description.wholeMatch(of: pattern), let year = Int64(match.1),
      let month = Int64(match.2),
      let day = Int64(match.3), let hour = Int64(match.4), let minute = Int64(match.5),
      let second = Int64(match.6), (1678...2261).contains(year), (1...12).contains(month),
      hour < 24, minute < 60, second < 60
    else { return nil }
    let decimals = String(match.7 ?? "0")
    guard let fraction = Int64(decimals.padding(toLength: 9, withPad: "0", startingAt: 0)) else { return nil }
    let date = CivilDate(year: year, month: month, day: day)
    guard CivilDate(daysSince1970: date.daysSince1970) == date else { return nil }
    let seconds = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second
    nanoseconds = seconds * 1_000_000_000 + fraction
  }

  public static func < (left: UTCTimestamp, right: UTCTimestamp) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = UTCTimestamp(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\"\(text)\" is no RFC 3339 time in UTC.")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// A day of the Gregorian calendar. Years are counted from March, so that the leap day is the last of its year.
private struct CivilDate: Equatable {
  var year: Int64
  var month: Int64
  var day: Int64

  init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// Days from 0000-03-01 to 1970-01-01.
  private static let epoch: Int64 = 719_468
  private static let daysIn400Years: Int64 = 146_097

  init(daysSince1970 days: Int64) {
    let era = (days + Self.epoch).floorDivided(by: Self.daysIn400Years)
    let dayOfEra = days + Self.epoch - era * Self.daysIn400Years
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  }

  var daysSince1970: Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted.floorDivided(by: 400)
    let yearOfEra = shifted - era * 400
    let monthFromMarch = month > 2 ? month - 3 : month + 9
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    return era * Self.daysIn400Years + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
      - Self.epoch
  }
}

extension Int64 {
  fileprivate func floorDivided(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
