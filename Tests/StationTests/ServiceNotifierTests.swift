import Foundation
import TestSupport
import Testing

@testable import Station

/// The datagrams are read back from a socket such as the service manager has.
@Suite struct ServiceNotifierTests {
  @Test func withoutAManagerNothingIsSent() {
    #expect(!ServiceNotifier(environment: [:], processID: 1).send(["READY=1"]))
    #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": "relative"], processID: 1).send(["READY=1"]))
    let long = "/" + String(repeating: "a", count: 200)
    #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": long], processID: 1).send(["READY=1"]))
    #expect(
      !ServiceNotifier(environment: ["NOTIFY_SOCKET": "/nonexistent/socket"], processID: 1).send(["READY=1"]))
  }

  @Test(arguments: ["path", "@assayd-notify-test"]) func aManagerReceivesEachMessage(kind: String) throws {
    let folder = try TemporaryFolder()
    let address = kind == "path" ? folder.file("notify").path : "\(kind)-\(getpid())"
    let manager = try DatagramReceiver(address: address)
    let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": address], processID: 1)
    notifier.ready()
    notifier.status("2 lines\nrunning")
    notifier.feedWatchdog()
    notifier.stopping()
    #expect(manager.receive() == "READY=1")
    #expect(manager.receive() == "STATUS=2 lines running")
    #expect(manager.receive() == "WATCHDOG=1")
    #expect(manager.receive() == "STOPPING=1")
  }

  @Test func theWatchdogIsOursOnlyIfTheProcessIs() {
    let environment = ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"]
    #expect(ServiceNotifier(environment: environment, processID: 77).watchdogInterval == .seconds(30))
    #expect(ServiceNotifier(environment: environment, processID: 78).watchdogInterval == nil)
    #expect(ServiceNotifier(environment: ["WATCHDOG_USEC": "0"], processID: 1).watchdogInterval == nil)
    #expect(ServiceNotifier(environment: ["WATCHDOG_USEC": "soon"], processID: 1).watchdogInterval == nil)
  }
}

/// A socket as the service manager has it.
final class DatagramReceiver: Sendable {
  private let descriptor: Int32

  struct Failure: Error { let code: Int32 }

  /// - Parameter address: a path, or `@name` in the abstract name space.
  init(address: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(code: errno) }
    var socketAddress = sockaddr_un()
    socketAddress.sun_family = sa_family_t(AF_UNIX)
    let name = Array((address.hasPrefix("@") ? "\0" + address.dropFirst() : address).utf8)
    withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: name) }
    let length = MemoryLayout<sa_family_t>.size + name.count
    let bound = withUnsafePointer(to: &socketAddress) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(length)) }
    }
    guard bound == 0 else { throw Failure(code: errno) }
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  /// The next datagram; nil where there is none, at once or after five seconds.
  func receive(waits: Bool = true) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
  }
}
