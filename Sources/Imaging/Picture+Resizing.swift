import CKernels
public import Compute

extension Picture {
  /// The picture scaled to another size, the same bits as Pillow (before 13) gives for `Image.resize`.
  ///
  /// Rows first, rounded to 8 bits, then columns. The shape is not kept: both sides are scaled as asked.
  ///
  /// - Parameter pool: helps where it is idle, and is not waited for.
  /// - Precondition: both sides are at least 1.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResamplingFilter, pool: ThreadPool = .callingThread
  ) -> Picture {
    resized(
      width: newWidth, height: newHeight, filter: filter, pool: pool, KernelPath.kernelsForPictures)
  }

  func resized(
    width newWidth: Int, height newHeight: Int, filter: ResamplingFilter, pool: ThreadPool = .callingThread,
    _ kernels: ck_kernels
  ) -> Picture {
    precondition(
      newWidth >= 1 && newHeight >= 1, "A picture of \(newWidth) x \(newHeight) pixels has no content.")
    if newWidth == width && newHeight == height { return self }
    // An axis that keeps its length keeps its values: both filters are 1 at their centre and 0 a pixel from it.
    let horizontal = ResamplingCoefficients(from: width, to: newWidth, filter: filter)
    let vertical = ResamplingCoefficients(from: height, to: newHeight, filter: filter)
    return Picture(
      width: newWidth, height: newHeight, pixels: resampled(horizontal, vertical, kernels, pool))
  }
}
