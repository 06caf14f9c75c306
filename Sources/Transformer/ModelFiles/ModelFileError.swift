public import Foundation

/// Why a safetensors file, a model file or a checkpoint could not be read, imported or written.
public struct ModelFileError: Error, Equatable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// The operating system refused to open, map or measure the file.
    case unreadable
    /// The file breaks the rules of the safetensors format.
    case malformed
    /// A sound safetensors file, but not one of ours, or not what its metadata says.
    case incompatible
    /// A weight is NaN or infinite, or outside what the format allows.
    case invalidValue
    /// A checkpoint of a kind, or with a part, that the importer does not know.
    case unsupported
    /// An import option is missing or does not fit the checkpoint.
    case option
    /// The file could not be written.
    case unwritable
  }

  public let kind: Kind
  /// Path of the file the sentence is about.
  public let file: String
  /// One sentence: what, where, what was expected and, where there is something to do, what to do.
  public let sentence: String

  public init(_ kind: Kind, _ file: URL, _ sentence: String) {
    self.kind = kind
    self.file = file.path
    self.sentence = sentence
  }

  public var description: String { "\(file): \(sentence)" }
}

extension String {
  /// The string in quotes, fit for one line of a message: control characters escaped, cut when very long.
  ///
  /// Names come from files of any origin; a message must not carry terminal escapes or megabytes.
  var quoted: String {
    let shown = prefix(120)
    return String(shown).debugDescription + (shown.endIndex < endIndex ? "..." : "")
  }
}
