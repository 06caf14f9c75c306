import Glibc

/// Reading whole files: once, into their final place, and never anything but regular files.
enum FileBytes {
  /// - Throws: with `EINVAL` if it is no regular file (opening a pipe would wait for its other end), with `EFBIG` if it is
  ///   larger than `limit` bytes.
  static func read(_ path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw SystemCallError("open", errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemCallError("fstat", errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemCallError("open", EINVAL) }
    guard status.st_size <= limit else { throw SystemCallError("open", EFBIG) }
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      while count < buffer.count {
        let place = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
        let got = Glibc.read(descriptor, place.baseAddress, place.count)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { code = errno }
        // A file that became shorter meanwhile ends here.
        if got <= 0 { break }
        count += got
      }
    }
    if code != 0 { throw SystemCallError("read", code) }
    return bytes
  }
}
