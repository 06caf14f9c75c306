import Foundation

/// One thing that is wrong in the configuration, said so that a person can put it right.
public struct ConfigurationProblem: Sendable, Hashable, CustomStringConvertible {
  /// The file as the operating system finds it, the root folder included.
  public let file: String
  /// Line and column, both counted from 1; nil where the problem is the file itself (it is missing, it cannot be read).
  public let line: Int?
  public let column: Int?
  /// One sentence: what is wrong, what is allowed, what to do.
  public let message: String

  public init(file: String, line: Int? = nil, column: Int? = nil, message: String) {
    self.file = file
    self.line = line
    self.column = column
    self.message = message
  }

  /// `file:line:column: message`, the form editors and terminals turn into a link.
  public var description: String {
    guard let line else { return "\(file): \(message)" }
    guard let column else { return "\(file):\(line): \(message)" }
    return "\(file):\(line):\(column): \(message)"
  }
}

/// Why a configuration was refused: every problem of every file, in the order of files and lines.
public struct ConfigurationError: Error, CustomStringConvertible {
  /// At least one.
  public let problems: [ConfigurationProblem]
  /// Whether there is no configuration at all, rather than a wrong one.
  public let isMissing: Bool

  init(problems: [ConfigurationProblem], isMissing: Bool = false) {
    self.problems = problems.sorted {
      ($0.file, $0.line ?? 0, $0.column ?? 0) < ($1.file, $1.line ?? 0, $1.column ?? 0)
    }
    self.isMissing = isMissing
  }

  public var description: String {
    problems.map(\.description).joined(separator: "\n")
  }
}

/// What reading the files of a configuration brings together: their problems, so that one run reports them all, and
/// their contents, so that the hash is that of what was read.
final class ReadingLog {
  private(set) var problems: [ConfigurationProblem] = []
  private(set) var contents: [(file: String, data: Data)] = []

  func add(_ problem: ConfigurationProblem) { problems.append(problem) }

  func read(_ file: URL) throws -> Data {
    let data = try Data(contentsOf: file)
    contents.append((file.path, data))
    return data
  }
}
