import CMosquitto
import Glibc

/// Ends a `poll` from another thread (an eventfd).
///
/// Unsafe: file descriptor and raw buffers; the descriptor lives exactly as long as this object.
final class WakeUp: Sendable {
  let descriptor: Int32

  init() { descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC)) }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func signal() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  func clear() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }

  /// What `poll` saw on the socket.
  struct Readiness {
    var readable = false
    var writable = false
    /// The other side has closed, or the connection is broken.
    var hungUp = false
  }

  /// Waits until the socket is ready, `signal()` is called, or the time is over. A negative descriptor waits for
  /// the signal alone.
  ///
  /// `poll` rather than `select`: libmosquitto's own loop uses `select`, which cannot take descriptors above 1023.
  func wait(for socket: Int32, writing: Bool, timeout: Duration) -> Readiness {
    let hangUp = Int16(POLLHUP | POLLERR | POLLNVAL)
    let peerClosed = Int16(0x2000)  // POLLRDHUP
    var descriptors = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket, events: Int16(POLLIN) | (writing ? Int16(POLLOUT) : 0) | peerClosed, revents: 0),
    ]
    let milliseconds = max(0, timeout.inMilliseconds.rounded(.up))
    let count = poll(&descriptors, nfds_t(descriptors.count), Int32(min(milliseconds, 3_600_000)))
    guard count > 0 else { return Readiness() }
    if descriptors[0].revents != 0 { clear() }
    let seen = socket >= 0 ? descriptors[1].revents : 0
    return Readiness(
      readable: seen & Int16(POLLIN) != 0, writable: seen & Int16(POLLOUT) != 0,
      hungUp: seen & (hangUp | peerClosed) != 0)
  }
}

extension Duration {
  var inMilliseconds: Double {
    Double(components.seconds) * 1e3 + Double(components.attoseconds) * 1e-15
  }
}
