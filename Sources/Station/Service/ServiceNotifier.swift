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
    address.map { UnixDatagram(address: $0).send(Array(assignments.joined(separator: "\n").utf8)) } ?? false
  }
}
