import Glibc

/// Tells the service manager how the station is: systemd's notification protocol (`sd_notify(3)`), one datagram of
/// `NAME=value` lines a message. Without a service manager every call does nothing.
public struct ServiceNotifier: Sendable {
  /// The address of the manager's socket: a path, or `@name` in the abstract name space; nil where there is none.
  private let address: String?
  /// How often the manager wants to hear `WATCHDOG=1`; nil where it does not watch this process.
  public let watchdogInterval: Duration?

  /// - Parameter environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are read.
  public init(environment: [String: String], processID: Int32) {
    let address = environment["NOTIFY_SOCKET"] ?? ""
    self.address = address.hasPrefix("/") || address.hasPrefix("@") ? address : nil
    let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == processID } ?? true
    if isForUs, let interval = environment["WATCHDOG_USEC"].flatMap({ Int64($0) }), interval > 0 {
      watchdogInterval = .microseconds(interval)
    } else {
      watchdogInterval = nil
    }
  }

  /// The station judges, or says why it does not.
  public func ready() { send(["READY=1"]) }
  /// The configuration is being read again; `ready` says when that is over. The time is what systemd 253 and newer ask
  /// for, to tell this message from an earlier one; older ones pass it over.
  public func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    send(["RELOADING=1", "MONOTONIC_USEC=\(Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000)"])
  }

  public func stopping() { send(["STOPPING=1"]) }
  public func feedWatchdog() { send(["WATCHDOG=1"]) }

  /// One line for people, shown by `systemctl status`.
  public func status(_ text: String) {
    send(["STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined()])
  }

  /// Returns whether the manager took the message; a manager that is gone or busy is no reason to stop.
  @discardableResult
  func send(_ assignments: [String]) -> Bool {
    guard let address else { return false }
    var socketAddress = sockaddr_un()
    socketAddress.sun_family = sa_family_t(AF_UNIX)
    var name = Array(address.utf8)
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    // A path needs its closing NUL within the field; an abstract name is as long as the length says.
    guard name.count < MemoryLayout.size(ofValue: socketAddress.sun_path) else { return false }
    withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: name) }
    let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + name.count } ?? 0

    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // The manager's queue may be full while it is busy; a lost watchdog message is better than a stuck station.
    var patience = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let message = Array(assignments.joined(separator: "\n").utf8)
    return withUnsafePointer(to: &socketAddress) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), pointer, socklen_t(length))
      }
    } == message.count
  }
}
