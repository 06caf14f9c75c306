import Foundation

/// The layout of MVTec AD, which most inspection data sets have taken over.
enum MVTecLayout {
  private static let good = "good"

  /// The product in a folder, or nil where it has no `train/good` and `test`.
  static func product(in folder: URL) throws(DataSetError) -> Product? {
    let train = folder.appending(path: "train/\(good)")
    let test = folder.appending(path: "test")
    guard FileManager.default.fileExists(atPath: train.path),
      FileManager.default.fileExists(atPath: test.path)
    else { return nil }
    var tests: [TestSample] = []
    for kind in try Listing.folders(in: test) {
      let name = kind.lastPathComponent
      for file in try Listing.pictures(in: kind) {
        tests.append(
          name == good
            ? TestSample(file: file, defect: nil)
            : TestSample(file: file, defect: name, mask: mask(of: file, kind: name, folder)))
      }
    }
    return Product(name: folder.lastPathComponent, normals: try Listing.pictures(in: train), tests: tests)
  }

  private static func mask(of file: URL, kind: String, _ folder: URL) -> URL? {
    let stem = file.deletingPathExtension().lastPathComponent
    return ["\(stem)_mask.png", "\(stem).png"].map { folder.appending(path: "ground_truth/\(kind)/\($0)") }
      .first { FileManager.default.fileExists(atPath: $0.path) }
  }
}
