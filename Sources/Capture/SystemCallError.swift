import Glibc

/// A system call that failed: which one and its errno.
package struct SystemCallError: Error, Equatable, CustomStringConvertible {
  package let call: String
  package let code: Int32

  package init(_ call: String, _ code: Int32) {
    self.call = call
    self.code = code
  }

  /// For example `VIDIOC_STREAMON: No space left on device (28)`.
  package var description: String { "\(call): \(String(cString: strerror(code))) (errno \(code))" }
}
