import Foundation

/// The fields of a command's payload, a JSON object; an empty payload has none.
package struct CommandFields {
  private let values: [String: Value]
  private let form: String

  private enum Value: Decodable {
    case text(String)
    case whole(Int)
    case truth(Bool)
    case other

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let truth = try? container.decode(Bool.self) {
        self = .truth(truth)
      } else if let whole = try? container.decode(Int.self) {
        self = .whole(whole)
      } else if let text = try? container.decode(String.self) {
        self = .text(text)
      } else {
        self = .other
      }
    }
  }

  /// - Parameters:
  ///   - names: of all fields the command knows.
  ///   - form: an example, for the sentence that refuses.
  package init(_ payload: [UInt8], names: [String], form: String) throws(Refusal) {
    self.form = form
    if payload.isEmpty {
      values = [:]
      return
    }
    do {
      values = try JSONDecoder().decode([String: Value].self, from: Data(payload))
    } catch {
      throw Refusal("The payload is not a JSON object such as \(form).")
    }
    if let first = values.keys.filter({ !names.contains($0) }).min() {
      throw Refusal("The field \(first.prefix(64)) is not known; expected \(form).")
    }
  }

  package func has(_ name: String) -> Bool { values[name] != nil }

  package func integer(_ name: String, _ range: ClosedRange<Int>, default fallback: Int? = nil)
    throws(Refusal) -> Int
  {
    if values[name] == nil, let fallback { return fallback }
    guard case .whole(let value) = values[name], range.contains(value) else {
      throw Refusal(
        "The field \(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return value
  }

  /// - Parameter what: what the text must say.
  package func text(_ name: String, _ what: String, length: ClosedRange<Int>) throws(Refusal) -> String {
    guard case .text(let value) = values[name], length.contains(value.count),
      !value.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else {
      throw Refusal(
        "The field \(name) must say \(what), in \(length.lowerBound) to \(length.upperBound) characters.")
    }
    return value
  }

  package func boolean(_ name: String, default fallback: Bool) throws(Refusal) -> Bool {
    guard let value = values[name] else { return fallback }
    guard case .truth(let truth) = value else {
      throw Refusal("The field \(name) must be true or false.")
    }
    return truth
  }
}
