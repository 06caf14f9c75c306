import Foundation
import Synchronization

/// A universally unique, lexicographically sortable identifier: 48 bits of milliseconds since 1970 and 80 bits that
/// are random, written as 26 characters of Crockford's base 32 (specification: github.com/ulid/spec).
public struct ULID: Sendable, Hashable, Comparable, LosslessStringConvertible, Codable {
  fileprivate var high: UInt64
  fileprivate var low: UInt64

  fileprivate init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// Milliseconds since 1970.
  public var milliseconds: UInt64 { high >> 16 }

  public var description: String {
    var text = [UInt8](repeating: 0, count: 26)
    var (high, low) = (high, low)
    for position in text.indices.reversed() {
      text[position] = Self.digits[Int(low & 31)]
      low = low >> 5 | high << 59
      high >>= 5
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Nil unless the text is 26 characters of Crockford's base 32, in either case, for at most 128 bits.
  public init?(_ description: String) {
    let text = Array(description.uppercased().utf8)
    guard text.count == 26, text[0] <= UInt8(ascii: "7") else { return nil }
    var (high, low) = (UInt64(0), UInt64(0))
    for character in text {
      guard let digit = Self.digits.firstIndex(of: character) else { return nil }
      high = high << 5 | low >> 59
      low = low << 5 | UInt64(digit)
    }
    self.init(high: high, low: low)
  }

  public static func < (left: ULID, right: ULID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = ULID(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no ULID.")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// Makes ULIDs that grow strictly, also within a millisecond and when the clock is set back.
public final class ULIDGenerator: Sendable {
  private let last = Mutex(ULID(high: 0, low: 0))

  public init() {}

  public func next() -> ULID { next(milliseconds: UInt64(max(0, Date.now.timeIntervalSince1970 * 1000))) }

  func next(milliseconds: UInt64) -> ULID {
    last.withLock { last in
      if milliseconds > last.milliseconds {
        last = ULID(
          high: milliseconds << 16 | UInt64.random(in: 0...0xFFFF), low: UInt64.random(in: 0...UInt64.max))
      } else {
        // The random part counts on; should it ever overflow, the carry makes the next millisecond.
        let (low, carry) = last.low.addingReportingOverflow(1)
        last = ULID(high: carry ? last.high &+ 1 : last.high, low: low)
      }
      return last
    }
  }
}
