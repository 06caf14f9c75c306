import CVideo4Linux
import Foundation
import Glibc

/// The system calls themselves.
package struct LinuxVideo: VideoSystemCalls {
  package init() {}

  package func now() -> MonotonicInstant { MonotonicInstant(nanoseconds: Self.read(CLOCK_MONOTONIC)) }

  /// The wall clock is read between two readings of the monotonic one; if the thread was interrupted in between, the
  /// closest of a few attempts counts.
  package func offsetToUTC() -> Int64 {
    var best = (span: Int64.max, offset: Int64(0))
    for _ in 0..<3 {
      let before = Self.read(CLOCK_MONOTONIC)
      let wall = Self.read(CLOCK_REALTIME)
      let span = Self.read(CLOCK_MONOTONIC) - before
      if span < best.span { best = (span, wall - before - span / 2) }
      if span < 10_000 { break }
    }
    return best.offset
  }

  package func wait(until deadline: MonotonicInstant, or waker: Waker) {
    var request = pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let left = deadline.since(now())
      if left <= 0 || cv4l_poll(&request, 1, left) != 0 { return }
    }
  }

  package func open(_ path: String) throws(SystemCallError) -> Int32 {
    while true {
      let descriptor = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw SystemCallError("open", errno) }
    }
  }

  /// Not repeated when interrupted: Linux has released the descriptor by then.
  package func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

  package func control<Argument>(
    _ descriptor: Int32, _ request: VideoRequest<Argument>, _ argument: inout Argument
  ) throws(SystemCallError) {
    let code = withUnsafeMutablePointer(to: &argument) { cv4l_ioctl(descriptor, request.code, $0) }
    if code != 0 { throw SystemCallError(request.name, code) }
  }

  package func map(
    _ descriptor: Int32, length: Int, offset: Int
  ) throws(SystemCallError) -> UnsafeRawBufferPointer {
    guard let memory = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, offset),
      memory != MAP_FAILED
    else { throw SystemCallError("mmap", errno) }
    return UnsafeRawBufferPointer(start: memory, count: length)
  }

  package func unmap(_ memory: UnsafeRawBufferPointer) {
    _ = munmap(UnsafeMutableRawPointer(mutating: memory.baseAddress), memory.count)
  }

  package func poll(
    _ descriptor: Int32, or waker: Waker, until deadline: MonotonicInstant?
  ) throws(SystemCallError) -> DeviceEvents {
    var requests = [
      pollfd(fd: descriptor, events: Int16(POLLIN | POLLPRI), revents: 0),
      pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    let ready = cv4l_poll(&requests, 2, deadline.map { max(0, $0.since(now())) } ?? -1)
    if ready < 0 { throw SystemCallError("poll", -ready) }
    let seen = Int32(requests[0].revents)
    var events: DeviceEvents = []
    if seen & POLLIN != 0 { events.insert(.frame) }
    if seen & POLLPRI != 0 { events.insert(.event) }
    if seen & (POLLERR | POLLHUP | POLLNVAL) != 0 { events.insert(.error) }
    return events
  }

  package func entries(of folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  package func resolve(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  package func access(of path: String) -> (group: String, mode: UInt32)? {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: resolve(path) ?? path),
      let mode = attributes[.posixPermissions] as? NSNumber
    else { return nil }
    let group = attributes[.groupOwnerAccountName] as? String
    let number = (attributes[.groupOwnerAccountID] as? NSNumber)?.stringValue
    return (group ?? number ?? "?", mode.uint32Value)
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
