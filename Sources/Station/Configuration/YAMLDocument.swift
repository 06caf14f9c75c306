import Foundation
import Imaging
import Yams

/// One YAML file, read and parsed; whatever stops that is a problem with its line and column.
enum YAMLDocument {
  /// No configuration of ours comes near this; a file above it is not a configuration.
  static let maximumBytes = 1 << 20

  /// The top mapping of a file, or nil after adding a problem. A file without content is an empty mapping.
  static func read(_ file: URL, log: ReadingLog) -> YAMLMapping? {
    let path = file.path
    let data: Data
    do {
      data = try log.read(file)
    } catch {
      log.add(.init(file: path, message: "cannot be read: \(systemReason(error))."))
      return nil
    }
    return parse(data, path: path, log: log)
  }

  static func parse(_ data: Data, path: String, log: ReadingLog) -> YAMLMapping? {
    guard data.count <= maximumBytes else {
      log.add(
        .init(
          file: path, message: "has \(data.count) bytes; a configuration file has at most \(maximumBytes)."))
      return nil
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      let line = 1 + data.prefix(validUTF8PrefixLength(data)).count { $0 == UInt8(ascii: "\n") }
      log.add(
        .init(file: path, line: line, message: "is not UTF-8 text from this line on; save it as UTF-8."))
      return nil
    }
    do {
      // The parser object is kept until the tree has been walked: nodes hold their anchors weakly.
      let parser = try Parser(yaml: text)
      let root = try parser.singleRoot()
      return try withExtendedLifetime(parser) {
        switch root {
        case nil:
          return YAMLMapping(.init([]), file: path, mark: .start, path: "", log: log)
        case .scalar(let scalar)? where scalar.string.isEmpty:
          return YAMLMapping(.init([]), file: path, mark: .start, path: "", log: log)
        case .mapping(let mapping)?:
          if let mark = anchored(.mapping(mapping)) { throw Anchored(mark: mark) }
          return YAMLMapping(mapping, file: path, mark: .start, path: "", log: log)
        case let other?:
          log.add(
            .init(
              file: path, line: other.mark?.line ?? 1, column: other.mark?.column ?? 1,
              message: "expected `key: value` lines, found \(YAMLMapping.kind(of: other))."))
          return nil
        }
      }
    } catch let anchored as Anchored {
      log.add(
        .init(
          file: path, line: anchored.mark.line, column: anchored.mark.column,
          message: "uses a YAML anchor (`&` or `*`); write the value out, anchors are not supported here."))
    } catch let error as YamlError {
      log.add(problem(for: error, path: path, text: text))
    } catch {
      log.add(.init(file: path, message: "cannot be parsed: \(error)"))
    }
    return nil
  }

  private struct Anchored: Error { let mark: YAMLMark }

  /// Where the first anchored node is. A node reached through an alias carries the anchor too, so the walk stops
  /// before it can go round an expanding reference.
  private static func anchored(_ node: Node) -> YAMLMark? {
    if node.anchor != nil { return YAMLMark(node.mark) }
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping {
        if let mark = anchored(key) ?? anchored(value) { return mark }
      }
      return nil
    case .sequence(let sequence):
      return sequence.lazy.compactMap(anchored).first
    case .scalar, .alias:
      return nil
    }
  }

  private static func problem(for error: YamlError, path: String, text: String) -> ConfigurationProblem {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      if let column = tabInIndentation(text, line: mark.line) {
        return .init(
          file: path, line: mark.line, column: column,
          message: "is indented with a tab; YAML allows only spaces there.")
      }
      let started = context.map { " (\($0.text), begun in line \($0.mark.line))" } ?? ""
      return .init(
        file: path, line: mark.line, column: mark.column, message: "is not valid YAML: \(problem)\(started).")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let key = duplicates.first ?? "?"
      let again = secondOccurrence(of: key, after: context.mark, in: text)
      return .init(
        file: path, line: again ?? context.mark.line, column: context.mark.column,
        message:
          "`\(key)` is written twice in the same section (first in line \(context.mark.line)); keep one.")
    case .reader(let problem, let offset, _, _):
      let line = offset.map { 1 + text.prefix($0).count { $0.isNewline } }
      return .init(file: path, line: line, message: "holds a character YAML does not allow: \(problem).")
    default:
      return .init(file: path, message: "cannot be parsed: \(error)")
    }
  }

  /// The column of the first tab among the white space a line begins with.
  private static func tabInIndentation(_ text: String, line: Int) -> Int? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(line - 1) else { return nil }
    let indentation = lines[line - 1].prefix { $0 == " " || $0 == "\t" }
    return indentation.firstIndex(of: "\t").map {
      indentation.distance(from: indentation.startIndex, to: $0) + 1
    }
  }

  /// The parser tells where a doubled key stands first; the reader of the message needs the line to delete.
  private static func secondOccurrence(of key: String, after mark: Mark, in text: String) -> Int? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for index in lines.indices.dropFirst(mark.line) {
      let line = lines[index]
      let content = line.drop { $0 == " " }
      if content.isEmpty || content.hasPrefix("#") { continue }
      let column = line.count - content.count + 1
      if column < mark.column { return nil }
      let name = content.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces.union(["'", "\""]))
      if column == mark.column, name == key { return index + 1 }
    }
    return nil
  }

  private static func validUTF8PrefixLength(_ data: Data) -> Int {
    var decoder = UTF8()
    var iterator = data.makeIterator()
    var length = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) { length += UTF8.width(scalar) }
    return length
  }
}

/// A place in a YAML file, both counted from 1.
struct YAMLMark {
  var line: Int
  var column: Int

  static let start = YAMLMark(line: 1, column: 1)

  init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  init(_ mark: Mark?) { self.init(line: mark?.line ?? 1, column: mark?.column ?? 1) }
}
