import CVideo4Linux
import Glibc

/// An `eventfd` that ends every wait, now and later: `poll` watches it beside the camera.
package final class Waker: Sendable {
  package let descriptor: Int32

  package init() throws(CaptureError) {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    if descriptor < 0 {
      throw CaptureError(
        .outOfResources,
        "No event descriptor can be had: \(SystemCallError("eventfd", errno)). Raise LimitNOFILE.")
    }
  }

  deinit { close(descriptor) }

  /// Nobody ever reads the event, so it stays.
  package func wake() { eventfd_write(descriptor, 1) }

  package var isAwake: Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&request, 1, 0) == 1
  }
}
