public import Foundation

/// What a replay plays and how.
public struct ReplayOptions: Sendable, Equatable {
  /// In which order the pictures come.
  public enum Order: Sendable, Equatable {
    /// By the bytes of their paths.
    case name
    /// Shuffled anew for each pass; the same seed gives the same passes on every machine.
    case shuffled(seed: UInt64)
  }

  /// Holds JPEG and PNG files, at any depth; or `test/<good|defect>/`, as MVTec AD lays its data out, beside which other
  /// folders are left alone; or a listing (see `ReplayListing`), and then only the files it names are played.
  public var folder: URL
  /// Allowed values of `framesPerSecond`.
  public static let rates = 0.001...1000.0

  /// Pictures a second, in `rates`.
  public var framesPerSecond: Double
  /// Starts again when all pictures were shown.
  public var loops: Bool
  public var order: Order
  /// A listing elsewhere or of another name than the folder's `labels.csv`.
  public var listing: URL?

  /// - Precondition: `framesPerSecond` is in `rates`.
  public init(
    folder: URL, framesPerSecond: Double, loops: Bool = true, order: Order = .name, listing: URL? = nil
  ) {
    precondition(
      Self.rates ~= framesPerSecond, "A replay runs at 0.001 to 1000 frames a second, not \(framesPerSecond)."
    )
    self.folder = folder
    self.framesPerSecond = framesPerSecond
    self.loops = loops
    self.order = order
    self.listing = listing
  }
}
