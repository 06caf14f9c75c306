import Foundation

/// Lines on standard output as they come about, coloured where somebody looks at them.
struct Terminal {
  enum Colour: Int {
    case red = 31
    case green = 32
    case yellow = 33
    case magenta = 35
    case grey = 90
  }

  let isColoured: Bool

  init() {
    let environment = ProcessInfo.processInfo.environment
    isColoured =
      isatty(STDOUT_FILENO) == 1 && environment["NO_COLOR", default: ""].isEmpty
      && environment["TERM"] != "dumb"
  }

  func paint(_ text: String, _ colour: Colour) -> String {
    isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// Writes at once, also into a pipe.
  ///
  /// - Throws: where nobody reads any more.
  func write(_ line: String) throws {
    try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
  }

  /// Text from elsewhere without characters that a terminal would obey.
  static func harmless(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }
}
