import Foundation
import TestSupport

/// A real broker on loopback, with a port and a folder of its own, and Mosquitto's own clients to talk to it.
final class Mosquitto: @unchecked Sendable {
  static let isAvailable = ["mosquitto", "mosquitto_sub", "mosquitto_rr"].allSatisfy { path(of: $0) != nil }
  static let skipReason = "mosquitto and mosquitto-clients are not installed: run Scripts/test."

  let port: Int
  private let folder: TemporaryFolder
  private let broker: Process

  struct Failure: Error, CustomStringConvertible { let description: String }

  init() throws {
    folder = try TemporaryFolder()
    port = try Self.freePort()
    let configuration = folder.file("mosquitto.conf")
    try Data("listener \(port) 127.0.0.1\nallow_anonymous true\npersistence false\n".utf8).write(
      to: configuration)
    broker = try Self.start("mosquitto", ["-c", configuration.path], output: nil)
    for _ in 0..<500 {
      if Self.accepts(port) { return }
      usleep(10_000)
    }
    throw Failure(description: "mosquitto did not start on port \(port).")
  }

  deinit { Self.end(broker) }

  /// A message as `mosquitto_sub` printed it.
  struct Message: Sendable {
    var isRetained: Bool
    var quality: Int
    var topic: String
    var payload: String
  }

  /// Everything that is published, until the subscription goes away. Heat maps are left out: they are not text.
  final class Subscription {
    private let process: Process
    private let output: URL

    fileprivate init(port: Int, output: URL, arguments: [String]) throws {
      self.output = output
      process = try Mosquitto.start(
        "mosquitto_sub",
        [
          "-h", "127.0.0.1", "-p", "\(port)", "-V", "5", "-t", "#", "-T", "+/+/+/heatmap", "-F",
          "%r|%q|%t|%p",
        ]
          + arguments, output: output)
    }

    deinit { Mosquitto.end(process) }

    /// What has come so far, in order.
    var messages: [Message] {
      let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
      // A line that has no end yet is still being written.
      let written = text.lastIndex(of: "\n").map { text[..<$0] } ?? ""
      return written.split(separator: "\n").compactMap { line in
        let fields = line.split(separator: "|", maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, let quality = Int(fields[1]) else { return nil }
        return Message(
          isRetained: fields[0] == "1", quality: quality, topic: String(fields[2]), payload: String(fields[3])
        )
      }
    }

    func payloads(on topic: String) -> [String] { messages.filter { $0.topic == topic }.map(\.payload) }
  }

  /// - Parameter arguments: more options of `mosquitto_sub`.
  func subscribe(_ arguments: [String] = []) throws -> Subscription {
    try Subscription(port: port, output: folder.file(UUID().uuidString), arguments: arguments)
  }

  /// Publishes a command and waits for its answer.
  func request(_ topic: String, _ payload: String) async throws -> String {
    let output = folder.file(UUID().uuidString)
    let process = try Self.start(
      "mosquitto_rr",
      [
        "-h", "127.0.0.1", "-p", "\(port)", "-V", "5", "-q", "1", "-t", topic, "-e",
        "answers/\(UUID().uuidString)",
        "-m", payload, "-W", "15",
      ], output: output)
    while process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
    return try String(contentsOf: output, encoding: .utf8)
  }

  /// Length in bytes and user properties, `name:value`, of the next message on a topic that is not text.
  func nextShape(on topic: String) async throws -> (length: Int, userProperties: String)? {
    let output = folder.file(UUID().uuidString)
    let process = try Self.start(
      "mosquitto_sub",
      ["-h", "127.0.0.1", "-p", "\(port)", "-V", "5", "-t", topic, "-C", "1", "-W", "10", "-F", "%l|%P"],
      output: output)
    while process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
    let text = try String(contentsOf: output, encoding: .utf8)
    let fields = text.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "|", maxSplits: 1)
    guard fields.count == 2, let length = Int(fields[0]) else { return nil }
    return (length, String(fields[1]))
  }

  private static func path(of program: String) -> String? {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map { "\($0)/\(program)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private static func start(_ program: String, _ arguments: [String], output: URL?) throws -> Process {
    guard let path = path(of: program) else { throw Failure(description: skipReason) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    if let output {
      guard FileManager.default.createFile(atPath: output.path, contents: nil) else {
        throw Failure(description: "\(output.path) cannot be written.")
      }
      process.standardOutput = try FileHandle(forWritingTo: output)
    } else {
      process.standardOutput = FileHandle.nullDevice
    }
    try process.run()
    return process
  }

  /// Threads of tasks block all signals, and a child inherits that: only one that cannot be blocked ends it.
  private static func end(_ process: Process) { kill(process.processIdentifier, SIGKILL) }

  /// A port nobody listens on at the moment.
  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard bound else { throw Failure(description: "No free port: \(String(cString: strerror(errno))).") }
    return Int(in_port_t(bigEndian: address.sin_port))
  }

  private static func accepts(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(port: port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return address
  }
}
