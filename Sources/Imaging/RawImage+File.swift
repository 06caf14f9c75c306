public import Foundation

extension RawImage {
  /// The largest file that is read, in bytes.
  public static let maximumFileSize = 1 << 28

  /// The bytes of a JPEG or PNG file, told apart by content and not by name; the size stays unknown.
  ///
  /// - Throws: `unreadable`, also for what is no regular file, `truncated` for an empty file, `unknownFormat`, and
  ///   `unsupported` for one that is too large.
  public init(contentsOf file: URL) throws(ImageError) {
    let content: Data
    do {
      // Resource values are those of a link itself, not of what it leads to.
      let values = try file.resolvingSymlinksInPath().resourceValues(forKeys: [
        .isRegularFileKey, .fileSizeKey,
      ])
      guard values.isRegularFile == true else {
        throw ImageError.unreadable("\(file.path) is not a regular file")
      }
      guard let size = values.fileSize, size <= Self.maximumFileSize else {
        throw ImageError.unsupported("the file is larger than \(Self.maximumFileSize) bytes")
      }
      guard size > 0 else { throw ImageError.truncated("the file is empty") }
      content = try Data(contentsOf: file)
    } catch let error as ImageError {
      throw error
    } catch {
      throw .unreadable(Self.why(error, file))
    }
    guard let format = PixelFormat(sniffing: content) else { throw .unknownFormat }
    self.init(format: format, bytes: [UInt8](content))
  }

  private static func why(_ error: any Error, _ file: URL) -> String {
    switch (error as? CocoaError)?.code {
    case .fileReadNoSuchFile, .fileNoSuchFile: "\(file.path) does not exist"
    case .fileReadNoPermission: "no permission to read \(file.path)"
    default: "\(file.path): \(systemReason(error))"
    }
  }
}

extension Picture {
  /// Reads a JPEG or PNG file; see `RawImage.decoded()` for what becomes of its colours.
  public init(contentsOf file: URL) throws(ImageError) {
    self = try RawImage(contentsOf: file).decoded().picture
  }
}
