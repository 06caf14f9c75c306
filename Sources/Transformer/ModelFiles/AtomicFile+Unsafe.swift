package import Foundation
import Glibc

/// A file that appears under its name whole or not at all.
package enum AtomicFile {
  /// Writes the chunks one after the other to a temporary file beside `file`, forces them to the disk and renames
  /// the result over `file`. On failure `file` is as it was and the temporary file is gone.
  package static func write(_ chunks: [[UInt8]], to file: URL) throws(ModelFileError) {
    func failed(_ action: String) -> ModelFileError {
      ModelFileError(.unwritable, file, "The file cannot be \(action): \(String(cString: strerror(errno))).")
    }
    let folder = file.deletingLastPathComponent()
    let temporary = folder.appending(
      path: ".\(file.lastPathComponent).\(getpid()).\(UInt32.random(in: 0...UInt32.max))")
    let descriptor = open(temporary.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failed("created") }
    var renamed = false
    defer { if !renamed { unlink(temporary.path) } }
    do {
      defer { close(descriptor) }
      for chunk in chunks {
        guard writeAll(chunk, to: descriptor) else { throw failed("written") }
      }
      guard fsync(descriptor) == 0 else { throw failed("forced to the disk") }
    }
    guard rename(temporary.path, file.path) == 0 else { throw failed("renamed into place") }
    renamed = true
    // The name is on the disk only once the folder is; a file system that cannot do this has nothing to add.
    let folderDescriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let result = Glibc.write(
          descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
        if result > 0 {
          written += result
        } else if result == 0 || errno != EINTR {
          return false
        }
      }
      return true
    }
  }
}
