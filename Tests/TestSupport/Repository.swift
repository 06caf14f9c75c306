public import Foundation

/// Places in and beside the repository.
public enum Repository {
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The folder of real inspection images beside the checkout, where there is one.
  public static let inspectionImages: URL? = {
    let folder = root.deletingLastPathComponent().appending(path: "shared/data")
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }()

  /// The default model as `Scripts/fetch-default-model` leaves it, float32 and int8; nil where it was not fetched.
  public static func defaultModel(_ precision: String) -> URL? {
    let file = root.appending(path: ".cache/models/vit-s14-\(precision).safetensors")
    return FileManager.default.fileExists(atPath: file.path) ? file : nil
  }

  /// The tool as `swift build -c release` leaves it; nil where it was not built, and in a run under a sanitiser, which would
  /// watch nothing of it.
  public static let releaseTool: URL? = {
    guard Sanitiser.name == nil else { return nil }
    let file = root.appending(path: ".build/release/assayctl")
    return FileManager.default.isExecutableFile(atPath: file.path) ? file : nil
  }()

  /// For `.enabled(if:_:)`.
  public static let releaseSkipReason =
    "There is no release build, or a sanitiser runs, which would not watch it: run Scripts/test."
}
