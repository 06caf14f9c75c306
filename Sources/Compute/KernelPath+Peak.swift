internal import CKernels

extension KernelPath {
  /// Multiply-accumulates a second that this path's multiply-add reaches on registers alone, all threads of `pool`
  /// working at once: what the int8 kernels are measured against. The best of a few bursts of milliseconds.
  ///
  /// Nil where the compiler chooses the instruction (`portable`) or this processor cannot run the path.
  public func peakMultiplications(on pool: ThreadPool) -> Double? {
    guard let peak = kernels?.peak else { return nil }
    let rounds: UInt64 = 1 << 21
    let products = Double(peak(1)) * Double(rounds) * Double(pool.threads)
    let fastest = (0..<5).map { _ in
      ContinuousClock().measure { pool.forEach(pool.threads) { _, _ in _ = peak(rounds) } }
    }.min()
    return fastest.map { products / ($0 / .seconds(1)) }
  }
}
