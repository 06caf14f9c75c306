import Foundation
import Glibc
import TestSupport

/// The real mosquitto on a free port of the loopback interface, with a configuration of its own; gone with the object.
final class MosquittoBroker {
  static let program = "/usr/sbin/mosquitto"
  static let isInstalled =
    FileManager.default.isExecutableFile(atPath: program)
    && FileManager.default.isExecutableFile(atPath: "/usr/bin/mosquitto_sub")
  static let skipReason = "mosquitto and mosquitto-clients are not installed."

  struct DidNotStart: Error, CustomStringConvertible {
    let description: String
  }

  let port: Int
  let folder: TemporaryFolder
  private var process: Process?

  /// - Parameter settings: lines of mosquitto.conf after the listener's.
  init(settings: [String] = ["allow_anonymous true"], folder: TemporaryFolder? = nil) async throws {
    self.folder = try folder ?? TemporaryFolder()
    port = try Loopback.freePort()
    let configuration = [
      // Started by root, mosquitto becomes another user and could not read the test's files.
      "user \(NSUserName())", "listener \(port) 127.0.0.1", "persistence false", "log_dest file \(log.path)",
    ]
    try (configuration + settings).joined(separator: "\n").appending("\n")
      .write(to: self.folder.file("mosquitto.conf"), atomically: true, encoding: .utf8)
    try await start()
  }

  deinit { stop() }

  private var log: URL { folder.file("mosquitto.log") }

  /// Waits until the port takes connections.
  func start() async throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = ["-c", folder.file("mosquitto.conf").path]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.runWithSignals()
    self.process = process
    for _ in 0..<1000 {
      if Loopback.accepts(port) { return }
      guard process.isRunning else { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw DidNotStart(description: (try? String(contentsOf: log, encoding: .utf8)) ?? "no log")
  }

  func stop(signal: Int32 = SIGTERM) {
    guard let process else { return }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    self.process = nil
  }

  /// Makes mosquitto read its access list and passwords again.
  func reload() {
    if let process { kill(process.processIdentifier, SIGHUP) }
  }
}

/// mosquitto_sub, listening; one line for a message: `<retain flag> <topic> <payload>`.
final class MosquittoListener {
  private let process = Process()
  private let folder: TemporaryFolder
  private let output: URL

  init(_ filter: String, port: Int, extra: [String] = []) async throws {
    folder = try TemporaryFolder()
    output = folder.file("messages")
    try Data().write(to: output)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_sub")
    process.arguments =
      ["-h", "127.0.0.1", "-p", "\(port)", "-V", "5", "-q", "1", "-t", filter, "-F", "%r %t %p", "-W", "50"]
      + extra
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.nullDevice
    try process.runWithSignals()
  }

  deinit {
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
  }

  var lines: [String] {
    ((try? String(contentsOf: output, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
  }
}

extension Process {
  /// Starts with no signal blocked. Swift's concurrency threads block all of them, a child inherits that, and mosquitto
  /// would then hear neither SIGTERM nor SIGHUP.
  fileprivate func runWithSignals() throws {
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try run()
  }
}

extension Loopback {
  /// Whether somebody listens on the port.
  static func accepts(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = in_port_t(port).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}

/// Certificates for one test, made by openssl: an authority, and what it signs.
struct CertificateShop {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try makeAuthority("ca")
  }

  func file(_ name: String) -> URL { folder.file(name) }

  func makeAuthority(_ name: String) throws {
    try openssl(
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=Test \(name)", "-keyout", path("\(name).key"), "-out", path("\(name).pem")])
  }

  /// `<name>.pem` and `<name>.key`, signed by an authority.
  ///
  /// - Parameter days: how long it is valid from now; negative: it has expired.
  func makeCertificate(
    _ name: String, by authority: String = "ca", subjects: String = "IP:127.0.0.1,DNS:localhost",
    days: Int = 1
  ) throws {
    try openssl(
      ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)"]
        + ["-keyout", path("\(name).key"), "-out", path("\(name).csr")])
    try "subjectAltName=\(subjects)\n".write(to: file("\(name).ext"), atomically: true, encoding: .utf8)
    try openssl(
      ["x509", "-req", "-in", path("\(name).csr"), "-CA", path("\(authority).pem")]
        + ["-CAkey", path("\(authority).key"), "-CAcreateserial", "-days", "\(days)"]
        + ["-extfile", path("\(name).ext"), "-out", path("\(name).pem")])
  }

  func openssl(_ arguments: [String]) throws {
    try Oracle.run(executable: "/usr/bin/openssl", arguments)
  }

  func path(_ name: String) -> String { file(name).path }

  /// Lines of mosquitto.conf for a listener with this certificate.
  func listener(_ name: String) -> [String] {
    ["allow_anonymous true", "certfile \(path("\(name).pem"))", "keyfile \(path("\(name).key"))"]
  }
}
