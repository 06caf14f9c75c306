import CKernels
import Compute

extension Picture {
  /// The picture scaled to another size, the same bits as Pillow (before 13) gives for `Image.resize`.
  ///
  /// Rows first, rounded to 8 bits, then columns. The shape is not kept: both sides are scaled as asked.
  ///
  /// - Precondition: both sides are at least 1.
  public func resized(width newWidth: Int, height newHeight: Int, filter: ResamplingFilter) -> Picture {
    resized(width: newWidth, height: newHeight, filter: filter, KernelPath.kernelsForPictures)
  }

  func resized(
    width newWidth: Int, height newHeight: Int, filter: ResamplingFilter, _ kernels: ck_kernels
  ) -> Picture {
    precondition(
      newWidth >= 1 && newHeight >= 1, "A picture of \(newWidth) x \(newHeight) pixels has no content.")
    var pixels = pixels
    if newWidth != width {
      let horizontal = ResamplingCoefficients(from: width, to: newWidth, filter: filter)
      pixels = Self.resampledRows(pixels, columns: width, horizontal, kernels)
    }
    if newHeight != height {
      let vertical = ResamplingCoefficients(from: height, to: newHeight, filter: filter)
      pixels = Self.resampledColumns(pixels, columns: newWidth, vertical, kernels)
    }
    return Picture(width: newWidth, height: newHeight, pixels: pixels)
  }
}
