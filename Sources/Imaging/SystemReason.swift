import Foundation
import Glibc

/// The operating system's own words for why a file could not be read or written, without Foundation's wrapping; begun with a
/// small letter and ended without a full stop, to stand inside a sentence.
package func systemReason(_ error: any Error) -> String {
  if let cause = (error as? CocoaError)?.underlying as? POSIXError ?? error as? POSIXError {
    let words = String(cString: strerror(cause.code.rawValue))
    return words.prefix(1).lowercased() + words.dropFirst()
  }
  switch (error as? CocoaError)?.code {
  case .fileReadNoSuchFile, .fileNoSuchFile: return "no such file"
  case .fileReadNoPermission: return "permission denied"
  case .fileReadCorruptFile, .fileReadInapplicableStringEncoding: return "it is not UTF-8 text"
  default:
    let words = error.localizedDescription
    return words.hasSuffix(".") ? String(words.dropLast()) : words
  }
}
