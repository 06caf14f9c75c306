public import Foundation

/// Runs the scripts in `Tests/Oracles`: implementations nobody here wrote, asked for the right answer.
///
/// `Scripts/test` makes the virtual environment they need and names its interpreter in `ASSAYD_ORACLE_PYTHON`.
public enum Oracle {
  /// The interpreter, or nil where the tests run without one; tests that need it then skip themselves.
  public static let python: String? = ProcessInfo.processInfo.environment["ASSAYD_ORACLE_PYTHON"]

  /// The interpreter of the environment that has torch and open_clip, or nil.
  public static let openCLIPPython: String? = ProcessInfo.processInfo.environment["ASSAYD_OPEN_CLIP_PYTHON"]

  /// For `.enabled(if:_:)`.
  public static var isAvailable: Bool { python != nil }
  public static let skipReason = "ASSAYD_ORACLE_PYTHON is not set: run Scripts/test to have the oracles."

  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Runs `Tests/Oracles/<script>.py` with the arguments and returns what it printed on standard output.
  ///
  /// - Throws: `Failure` with the script's standard error when it ends with another status than 0.
  @discardableResult
  public static func run(
    _ script: String, _ arguments: [String] = [], python: String? = Oracle.python
  ) throws -> Data {
    guard let python else { throw Failure(description: skipReason) }
    let path = Repository.root.appending(path: "Tests/Oracles/\(script).py").path
    return try run(executable: python, [path] + arguments)
  }

  /// Runs any program and returns what it printed on standard output.
  @discardableResult
  public static func run(executable: String, _ arguments: [String]) throws -> Data {
    let scratch = try TemporaryFolder()
    let output = scratch.url.appending(path: "stdout")
    let errors = scratch.url.appending(path: "stderr")
    _ = FileManager.default.createFile(atPath: output.path, contents: nil)
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let text = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
      throw Failure(
        description: "\(arguments.first ?? executable) failed (\(process.terminationStatus)): \(text)")
    }
    return try Data(contentsOf: output)
  }
}
