internal import Compute
internal import Imaging

/// Patches of an input picture, rows from the top and columns from the left.
struct PatchGrid: Hashable, Sendable {
  let rows: Int
  let columns: Int

  var count: Int { rows * columns }
}

extension ImageTowerConfiguration {
  /// The patch grid of a picture.
  ///
  /// - Throws: where the picture does not divide into patches or a tap does not exist in this tower.
  func grid(for picture: Picture, taps: [TokenTap]) throws(EncoderError) -> PatchGrid {
    guard picture.width % patchSize == 0, picture.height % patchSize == 0 else {
      throw .pictureSize(width: picture.width, height: picture.height, patchSize: patchSize)
    }
    for tap in taps { if let fault = fault(of: tap) { throw fault } }
    return PatchGrid(rows: picture.height / patchSize, columns: picture.width / patchSize)
  }
}
