import Compute
import Crypto
import Foundation
import Transformer

extension MemoryBank {
  static func hash(
    modelHash: String, options: ScoringOptions, gridRows: Int, gridColumns: Int, referenceCount: Int,
    vectors: Matrix, origins: [Int32]
  ) -> String {
    var hash = SHA256()
    let taps = options.taps.map { tap in
      "\(tap.block)\(tap.normalised ? "n" : "")\(tap.place == .block ? "" : tap.place.rawValue)"
        + (tap.projected ? "p" : "")
    }.joined(separator: ",")
    // A line of text with everything that gives the numbers their meaning, then the numbers, little-endian.
    let head =
      "\(modelHash) \(options.inputWidth)x\(options.inputHeight) \(taps) \(options.views.rawValue) "
      + "\(options.imageScore) \(options.smoothing) \(gridRows)x\(gridColumns) \(referenceCount) "
      + "\(vectors.rows)x\(vectors.columns)\n"
    hash.update(data: Data(head.utf8))
    vectors.values.withUnsafeBytes { hash.update(bufferPointer: $0) }
    origins.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().hexadecimal
  }
}
