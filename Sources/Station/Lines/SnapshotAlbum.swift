import Capture
import Foundation
import Imaging
import Messaging
import Transformer

/// Pictures of a line that somebody asked for, as files: PNG, so that nothing is lost; a replayed file as it is.
struct SnapshotAlbum {
  let folder: URL

  /// Beyond this the oldest go.
  static let kept = 100

  /// - Returns: the picture's file, named after the time of its exposure.
  func add(_ frame: Frame) throws -> URL {
    let (bytes, suffix) =
      switch frame.image.format {
      case .jpeg: (frame.image.bytes, "jpg")
      case .png: (frame.image.bytes, "png")
      default: (try frame.image.decoded().picture.pngData(), "png")
      }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let time = UTCTimestamp(nanoseconds: frame.exposureUTC.nanoseconds).description.replacing(":", with: "")
    let file = folder.appending(path: "\(time).\(suffix)")
    try AtomicFile.write([bytes], to: file)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    for name in names.filter({ $0.first?.isNumber == true }).dropLast(Self.kept) {
      try FileManager.default.removeItem(at: folder.appending(path: name))
    }
    return file
  }
}
