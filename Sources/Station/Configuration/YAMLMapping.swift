import Foundation
import Yams

/// A strict reader of one YAML mapping.
///
/// Each accessor names a key it allows. What is wrong is added to the log with its place, and a stand-in value is
/// returned so that reading goes on and finds the rest; whoever started the reading throws the result away when
/// the log is not empty. `finish()` refuses every key no accessor asked for.
final class YAMLMapping {
  private let mapping: Node.Mapping
  private let file: String
  /// Where the mapping itself is named: its key, or the start of the file.
  let mark: YAMLMark
  /// The keys that lead here, joined with dots, with a trailing dot; empty at the top.
  private let path: String
  private let log: ReadingLog
  private var allowed: [String] = []

  init(_ mapping: Node.Mapping, file: String, mark: YAMLMark, path: String, log: ReadingLog) {
    self.mapping = mapping
    self.file = file
    self.mark = mark
    self.path = path
    self.log = log
  }

  // MARK: scalars

  /// Text; quoted or not. `nil` as default makes the key required.
  func string(_ key: String, default fallback: String? = nil, length: ClosedRange<Int> = 1...256) -> String {
    guard let node = value(key, required: fallback == nil) else { return fallback ?? "" }
    guard case .scalar(let scalar) = node, !isNull(scalar) else {
      return refuse(node, "`\(path)\(key)` is \(Self.kind(of: node)); expected text.", fallback ?? "")
    }
    guard length.contains(scalar.string.count) else {
      return refuse(
        node,
        "`\(path)\(key)` has \(scalar.string.count) characters; allowed: \(length.lowerBound) to \(length.upperBound).",
        fallback ?? "")
    }
    guard !scalar.string.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
      return refuse(
        node, "`\(path)\(key)` holds a control character; expected one line of text.", fallback ?? "")
    }
    return scalar.string
  }

  /// Text that may be left out.
  func optionalString(_ key: String, length: ClosedRange<Int> = 1...256) -> String? {
    has(key) ? string(key, default: "", length: length) : nil
  }

  /// A whole number in a range; `unit` is named with the range ("pixels").
  func integer(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil, unit: String = "")
    -> Int
  {
    guard let node = value(key, required: fallback == nil) else { return fallback ?? range.lowerBound }
    let allowed = "allowed: \(range.lowerBound) to \(range.upperBound)\(unit.isEmpty ? "" : " " + unit)"
    guard let number = Self.plain(node).flatMap({ Int($0) }) else {
      return refuse(
        node, "`\(path)\(key)` is \(Self.kind(of: node)); expected a whole number, \(allowed).",
        range.lowerBound)
    }
    guard range.contains(number) else {
      return refuse(node, "`\(path)\(key)` is \(number); \(allowed).", range.lowerBound)
    }
    return number
  }

  func optionalInteger(_ key: String, _ range: ClosedRange<Int>, unit: String = "") -> Int? {
    has(key) ? integer(key, range, default: range.lowerBound, unit: unit) : nil
  }

  /// A number, whole or not, in a range.
  func number(
    _ key: String, _ range: ClosedRange<Double>, default fallback: Double? = nil, unit: String = ""
  ) -> Double {
    guard let node = value(key, required: fallback == nil) else { return fallback ?? range.lowerBound }
    let allowed =
      "allowed: \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
      + (unit.isEmpty ? "" : " " + unit)
    guard let number = Self.plain(node).flatMap({ Double($0) }), number.isFinite else {
      return refuse(
        node, "`\(path)\(key)` is \(Self.kind(of: node)); expected a number, \(allowed).", range.lowerBound)
    }
    guard range.contains(number) else {
      return refuse(node, "`\(path)\(key)` is \(Self.text(number)); \(allowed).", range.lowerBound)
    }
    return number
  }

  func optionalNumber(_ key: String, _ range: ClosedRange<Double>, unit: String = "") -> Double? {
    has(key) ? number(key, range, default: range.lowerBound, unit: unit) : nil
  }

  /// `true` or `false`. The other words YAML 1.1 takes for them (`yes`, `off`) are refused, not guessed at.
  func boolean(_ key: String, default fallback: Bool) -> Bool {
    guard let node = value(key, required: false) else { return fallback }
    switch Self.plain(node) {
    case "true": return true
    case "false": return false
    default: return refuse(node, "`\(path)\(key)` is \(Self.kind(of: node)); allowed: true, false.", fallback)
    }
  }

  /// One of a few words: the raw values of an enumeration.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default fallback: Choice
  ) -> Choice where Choice.RawValue == String {
    guard let node = value(key, required: false) else { return fallback }
    let words = Choice.allCases.map(\.rawValue)
    guard let word = Self.plain(node) else {
      return refuse(
        node, "`\(path)\(key)` is \(Self.kind(of: node)); allowed: \(words.joined(separator: ", ")).",
        fallback)
    }
    guard let choice = Choice(rawValue: word) else {
      let hint = nearestName(to: word, among: words).map { "; did you mean `\($0)`?" } ?? "."
      return refuse(
        node, "`\(path)\(key)` is `\(word)`; allowed: \(words.joined(separator: ", "))\(hint)", fallback)
    }
    return choice
  }

  // MARK: sections and lists

  /// A section that may be left out.
  func section(_ key: String) -> YAMLMapping? {
    guard let node = value(key, required: false) else { return nil }
    guard case .mapping(let inner) = node else {
      refuse(node, "`\(path)\(key)` is \(Self.kind(of: node)); expected a section of `key: value` lines.")
      return nil
    }
    return YAMLMapping(
      inner, file: file, mark: mark(ofKey: key), path: "\(path)\(key).", log: log)
  }

  /// A section that must be there; where it is not, the problem is added and the section reads as its stand-ins.
  func requiredSection(_ key: String) -> YAMLMapping? {
    _ = value(key, required: true)
    return section(key)
  }

  /// A list of whole numbers, each in the range, without repetition.
  func integers(_ key: String, _ range: ClosedRange<Int>, count: ClosedRange<Int>, default fallback: [Int])
    -> [Int]
  {
    guard let node = value(key, required: false) else { return fallback }
    let allowed =
      "a list of \(count.lowerBound) to \(count.upperBound) different whole numbers, "
      + "each \(range.lowerBound) to \(range.upperBound)"
    guard case .sequence(let sequence) = node else {
      return refuse(node, "`\(path)\(key)` is \(Self.kind(of: node)); expected \(allowed).", fallback)
    }
    var numbers: [Int] = []
    for element in sequence {
      guard let number = Self.plain(element).flatMap({ Int($0) }), range.contains(number) else {
        return refuse(
          element, "`\(path)\(key)` holds \(Self.kind(of: element)); expected \(allowed).", fallback)
      }
      numbers.append(number)
    }
    guard count.contains(numbers.count), Set(numbers).count == numbers.count else {
      return refuse(node, "`\(path)\(key)` has \(numbers.count) entries; expected \(allowed).", fallback)
    }
    return numbers
  }

  /// A list of texts of one line each, without repetition; empty where the key is left out.
  func strings(_ key: String, count: ClosedRange<Int>, length: ClosedRange<Int> = 1...200) -> [String] {
    guard let node = value(key, required: false) else { return [] }
    let allowed =
      "a list of \(count.lowerBound) to \(count.upperBound) different texts of at most \(length.upperBound) characters"
    guard case .sequence(let sequence) = node else {
      return refuse(node, "`\(path)\(key)` is \(Self.kind(of: node)); expected \(allowed).", [])
    }
    var texts: [String] = []
    for element in sequence {
      guard case .scalar(let scalar) = element, !isNull(scalar), length.contains(scalar.string.count),
        !scalar.string.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }),
        !scalar.string.allSatisfy(\.isWhitespace)
      else {
        return refuse(
          element, "`\(path)\(key)` holds \(Self.kind(of: element)); expected \(allowed).", [])
      }
      texts.append(scalar.string)
    }
    guard count.contains(texts.count), Set(texts).count == texts.count else {
      return refuse(node, "`\(path)\(key)` has \(texts.count) entries; expected \(allowed).", [])
    }
    return texts
  }

  /// A section whose keys the reader does not know beforehand: names with whole numbers.
  func namedIntegers(_ key: String) -> [(name: String, value: Int)] {
    guard let section = section(key) else { return [] }
    var result: [(String, Int)] = []
    for case (.scalar(let name), _) in section.mapping {
      result.append((name.string, section.integer(name.string, Int(Int32.min)...Int(Int32.max))))
    }
    section.finish()
    return result
  }

  // MARK: the whole

  func has(_ key: String) -> Bool {
    allowed.append(key)
    return mapping.contains { Self.text(of: $0.key) == key }
  }

  /// Refuses every key that nobody asked for. To be called once, after the last accessor.
  func finish() {
    for (keyNode, _) in mapping {
      let key = Self.text(of: keyNode)
      if let key, allowed.contains(key) { continue }
      let written = key ?? Self.kind(of: keyNode)
      let names = Set(allowed).sorted()
      let place = path.isEmpty ? "here" : "in `\(path.dropLast())`"
      let hint = nearestName(to: written, among: names).map { "did you mean `\($0)`? " } ?? ""
      refuse(
        keyNode, "`\(written)` is not known \(place); \(hint)Allowed: \(names.joined(separator: ", ")).")
    }
  }

  /// Adds a problem at the value of a key, or at the section where the key is not written.
  func refuse(_ key: String, _ message: String) {
    if let node = mapping.first(where: { Self.text(of: $0.key) == key })?.value {
      refuse(node, message)
    } else {
      refuse(at: mark, message)
    }
  }

  /// Adds a problem at the place where the section is named.
  func refuse(_ message: String) { refuse(at: mark, message) }

  /// The text at a key where it is an unquoted scalar. For values that are a word or a number; asks for nothing.
  func plainText(_ key: String) -> String? {
    mapping.first { Self.text(of: $0.key) == key }.flatMap { Self.plain($0.value) }
  }

  // MARK: helpers

  private func value(_ key: String, required: Bool) -> Node? {
    allowed.append(key)
    if let found = mapping.first(where: { Self.text(of: $0.key) == key }) { return found.value }
    if required {
      refuse(at: mark, path.isEmpty ? "`\(key)` is missing." : "`\(key)` is missing in `\(path.dropLast())`.")
    }
    return nil
  }

  private func mark(ofKey key: String) -> YAMLMark {
    YAMLMark(mapping.first { Self.text(of: $0.key) == key }?.key.mark)
  }

  private func refuse(_ node: Node, _ message: String) { refuse(at: YAMLMark(node.mark), message) }

  private func refuse<Value>(_ node: Node, _ message: String, _ standIn: Value) -> Value {
    refuse(node, message)
    return standIn
  }

  private func refuse(at mark: YAMLMark, _ message: String) {
    log.add(.init(file: file, line: mark.line, column: mark.column, message: message))
  }

  private static func text(of node: Node) -> String? {
    if case .scalar(let scalar) = node { scalar.string } else { nil }
  }

  /// The text of a scalar that is not quoted: only such a one can be a number or a word of a choice.
  private static func plain(_ node: Node) -> String? {
    if case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any {
      scalar.string
    } else {
      nil
    }
  }

  private func isNull(_ scalar: Node.Scalar) -> Bool {
    scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
  }

  /// What stands at a node, in the words of a message.
  static func kind(of node: Node) -> String {
    switch node {
    case .mapping: "a section"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar):
      if scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
        "empty"
      } else if scalar.style == .singleQuoted || scalar.style == .doubleQuoted {
        "the text \"\(scalar.string.prefix(64))\""
      } else {
        "`\(scalar.string.prefix(64))`"
      }
    }
  }

  /// A number as people write it: no exponent, no needless zeros.
  static func text(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
  }
}
