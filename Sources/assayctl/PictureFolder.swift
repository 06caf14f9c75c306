import Foundation
import Imaging
import Inspection

/// The JPEG and PNG files of a folder, in the order of their names.
struct PictureFolder {
  let files: [URL]

  init(_ path: String) throws {
    let folder = URL(fileURLWithPath: path, isDirectory: true)
    let entries: [URL]
    do {
      entries = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    } catch {
      throw Failure.missing("The folder \(path) cannot be read: \(systemReason(error)).")
    }
    files = entries.filter { ["jpg", "jpeg", "png"].contains($0.pathExtension.lowercased()) }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
    if files.isEmpty { throw Failure.missing("The folder \(path) has no JPEG or PNG file.") }
  }

  /// Decodes the pictures and cuts them to a region of interest.
  func references(region: PixelRect?) throws -> [Reference] {
    try files.map { file in
      do {
        let picture = try Picture(contentsOf: file)
        return Reference(
          name: file.lastPathComponent, picture: try region.map(picture.cropped(to:)) ?? picture)
      } catch {
        throw Failure.input("\(file.path): \(error)")
      }
    }
  }
}
