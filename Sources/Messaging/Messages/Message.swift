import Foundation

/// A JSON payload of the contract in `docs/mqtt.md`. Every key is always there: what is not known is `null`.
public protocol Message: Codable, Sendable, Equatable {}

extension Message {
  /// The payload: UTF-8, keys in alphabetical order, no white space.
  ///
  /// - Throws: `EncodingError` for a number that JSON cannot hold in a field that must have one.
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self))
  }

  /// - Throws: `DecodingError` where the payload is no JSON, a key is missing or a value has the wrong type.
  public init(payload: [UInt8]) throws {
    self = try JSONDecoder().decode(Self.self, from: Data(payload))
  }
}

/// A field whose value may not be known. It is encoded as `null`, never left out, and so are numbers that JSON has no
/// word for (not a number, infinity); when decoding, the key must be there.
@propertyWrapper
public struct Nullable<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
  public var wrappedValue: Value?

  public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let wrappedValue, (wrappedValue as? Double)?.isFinite != false {
      try container.encode(wrappedValue)
    } else {
      try container.encodeNil()
    }
  }
}

/// The flag by which a result says that it is not news: sent before without an acknowledgement, or waiting since
/// before the present connection.
enum ReplayMark {
  private static let live = Array(#""replayed":false"#.utf8)
  private static let replayed = Array(#""replayed":true"#.utf8)

  /// The payload with `replayed` set, unchanged where it has no such field.
  ///
  /// Looking for the bytes is sound: within a JSON string every quotation mark is escaped, so the sequence can only
  /// be a key with its value, and payloads are encoded without white space.
  static func set(in payload: [UInt8]) -> [UInt8] {
    guard let range = payload.firstRange(of: live) else { return payload }
    return Array(payload[..<range.lowerBound]) + replayed + payload[range.upperBound...]
  }
}
