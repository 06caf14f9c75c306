import Foundation

/// The payload of `cmd/enrol`: `{"count": 8, "reason": "new supplier"}`, and `"progress": true` where wanted.
struct EnrolRequest: Equatable, Decodable {
  static let counts = 1...64
  static let longestReason = 200

  /// Pictures to take, the next ones of the line.
  var count: Int
  /// Why, for the log; anything a person wants to say.
  var reason: String
  /// Whether to tell on the way how far it is.
  var progress: Bool

  private enum Field: String, CaseIterable {
    case count, reason, progress
  }

  /// Every key there is, so that unknown ones can be named.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ field: Field) { stringValue = field.rawValue }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  private static let form = #"{"count": 8, "reason": "why"}"#

  init(payload: [UInt8]) throws(Refusal) {
    do {
      self = try JSONDecoder().decode(EnrolRequest.self, from: Data(payload))
    } catch let refusal as Refusal {
      throw refusal
    } catch {
      throw Refusal("The payload is not a JSON object such as \(Self.form).")
    }
  }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    let unknown = fields.allKeys.map(\.stringValue).filter { Field(rawValue: $0) == nil }
    if let first = unknown.min() {
      throw Refusal("The field \(first.prefix(64)) is not known; expected \(Self.form).")
    }
    guard let count = try? fields.decode(Int.self, forKey: Key(.count)), Self.counts.contains(count) else {
      throw Refusal(
        "The field count must be a whole number from \(Self.counts.lowerBound) to \(Self.counts.upperBound).")
    }
    guard let reason = try? fields.decode(String.self, forKey: Key(.reason)),
      (1...Self.longestReason).contains(reason.count)
    else {
      throw Refusal("The field reason must say why, in 1 to \(Self.longestReason) characters.")
    }
    guard let progress = try? fields.decodeIfPresent(Bool.self, forKey: Key(.progress)) ?? false else {
      throw Refusal("The field progress must be true or false.")
    }
    self.count = count
    self.reason = reason
    self.progress = progress
  }
}
