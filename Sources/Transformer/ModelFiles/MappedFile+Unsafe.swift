import Crypto
import Foundation
import Glibc

/// A regular file mapped read-only into memory for as long as the object lives.
///
/// The bytes follow the file: whoever shortens it in place while it is mapped makes the next read of a lost page
/// a SIGBUS. Model files are therefore only ever replaced by renaming a new one over them, which leaves an
/// existing mapping on the old contents.
final class MappedFile: @unchecked Sendable {  // immutable after init; the pages are never written
  let bytes: UnsafeRawBufferPointer

  init(_ file: URL) throws(ModelFileError) {
    func failed(_ action: String) -> ModelFileError {
      ModelFileError(.unreadable, file, "The file cannot be \(action): \(String(cString: strerror(errno))).")
    }
    // O_NONBLOCK keeps the open of a FIFO from waiting for a writer; it means nothing for a regular file.
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failed("opened") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failed("measured") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ModelFileError(.unreadable, file, "This is not a regular file.")
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw ModelFileError(.malformed, file, "The file is empty.") }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw failed("mapped into memory")
    }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }
}

extension MappedFile {
  /// The 64-bit little-endian number a safetensors file starts with; the file has at least eight bytes.
  var headerLength: UInt64 { UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) }

  /// SHA-256 of the whole file in lower-case hexadecimal.
  func sha256() -> String { sha256(of: [0..<bytes.count]) }

  /// SHA-256, in lower-case hexadecimal, of parts of the file one after the other.
  func sha256(of parts: [Range<Int>]) -> String {
    var hash = SHA256()
    for part in parts { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[part])) }
    return hash.finalize().hexadecimal
  }
}

extension SHA256Digest {
  /// In lower case.
  var hexadecimal: String { map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined() }
}
