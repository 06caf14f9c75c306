import Foundation

/// A list of pictures and what they show: CSV (RFC 4180, UTF-8) with the header `file,label`, further columns ignored.
/// Files are relative to the replayed folder; an empty label means unknown.
struct ReplayListing {
  static let fileName = "labels.csv"
  private static let largestFile = 64 << 20

  let entries: [FrameLabel]

  init(contentsOf url: URL) throws(CaptureError) {
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(url.path, limit: Self.largestFile)
    } catch {
      throw CaptureError(.listingInvalid, "\(url.path) cannot be read: \(error).")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CaptureError(.listingInvalid, "\(url.path) is not UTF-8 text.")
    }
    try self.init(text, name: url.path)
  }

  init(_ text: String, name: String) throws(CaptureError) {
    var columns: (file: Int, label: Int)?
    var entries: [FrameLabel] = []
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      if line.isEmpty { continue }
      func fail(_ problem: String) -> CaptureError {
        CaptureError(.listingInvalid, "\(name), line \(number + 1): \(problem)")
      }
      guard let fields = Self.fields(of: line) else { throw fail("a quotation mark is not closed.") }
      guard let columns else {
        guard let file = fields.firstIndex(of: "file"), let label = fields.firstIndex(of: "label") else {
          throw fail("the header must name the columns file and label, for example: file,label")
        }
        columns = (file, label)
        continue
      }
      guard fields.count > max(columns.file, columns.label) else {
        throw fail("has \(fields.count) fields, fewer than the header.")
      }
      let file = fields[columns.file]
      if file.isEmpty || file.hasPrefix("/") || file.split(separator: "/").contains("..") {
        throw fail("'\(file)' is not a path within the folder.")
      }
      let kind = fields[columns.label]
      entries.append(FrameLabel(file: file, kind: kind.isEmpty ? nil : kind))
    }
    self.entries = entries
  }

  /// The fields of one line; nil if a quotation stays open.
  private static func fields(of line: Substring) -> [String]? {
    var fields = [""]
    var isQuoted = false
    var previousQuote = false
    for character in line {
      if character == "\"" {
        // A doubled quotation mark within quotation marks stands for itself.
        if !isQuoted && previousQuote { fields[fields.count - 1].append(character) }
        isQuoted.toggle()
        previousQuote = !isQuoted
        continue
      }
      previousQuote = false
      if character == "," && !isQuoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    return isQuoted ? nil : fields
  }
}
