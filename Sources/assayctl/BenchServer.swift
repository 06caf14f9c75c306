import CAllocations
import Compute
import Foundation
import Imaging
import Inspection
import Transformer

/// Times frames on request, for a program that lets several encoders take turns: `Scripts/bench-peers`.
///
/// A request is a line on standard input, its answer a line of JSON on standard output; the input's end ends it.
/// - `run N`: encodes N times, at least once: `{"ms": [...]}`
/// - `peak`: measures the processor's peak: `{"peak_gmacs_per_s": ...}`, null where there is none
/// - `about`: `{"path": ..., "gmacs": ...}`, the latter a picture
struct BenchServer {
  let engine: InspectionEngine
  let picture: Picture
  let tap: TokenTap

  private struct About: Encodable {
    let path: String
    let gmacs: Double
  }

  /// Multiply-accumulates of a picture, in 10^9.
  var gmacs: Double {
    let configuration = engine.encoder.configuration
    let patches = picture.width / configuration.patchSize * (picture.height / configuration.patchSize)
    return configuration.multiplications(patches: patches, taps: [tap]) / 1e9
  }

  /// The int8 peak of this processor with this path and these threads; nil for the reference and for portable C.
  var peakGmacsPerS: Double? {
    guard case .quantised(let path, let pool) = engine.search else { return nil }
    return path.peakMultiplications(on: pool).map { $0 / 1e9 }
  }

  /// So many frames in a row.
  struct Times {
    /// Milliseconds of each frame.
    var frames: [Double] = []
    /// Allocations of all frames but the first, which makes room for the tokens.
    var allocations = 0
  }

  func time(_ count: Int) throws -> Times {
    let taps = [tap]
    var tokens = PatchTokens()
    var times = Times()
    times.frames.reserveCapacity(count)
    var before = 0
    for index in 0..<count {
      let start = ContinuousClock.now
      try engine.encoder.encode(picture, taps: taps, into: &tokens)
      times.frames.append((ContinuousClock.now - start).milliseconds)
      if index == 0 { before = Int(ca_allocations()) }
    }
    times.allocations = Int(ca_allocations()) - before
    return times
  }

  func serve() throws {
    while let line = readLine() {
      let words = line.split(separator: " ")
      switch (words.first, words.count > 1 ? Int(words[1]) : nil) {
      case ("run", let frames?) where frames > 0: try answer(["ms": time(frames).frames])
      case ("peak", nil): try answer(["peak_gmacs_per_s": peakGmacsPerS])
      case ("about", nil): try answer(About(path: engine.instructionSet, gmacs: gmacs))
      default: throw Failure.input("\"\(line)\" is not a request: write run N, peak or about.")
      }
    }
  }

  private func answer(_ value: some Encodable) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(value) + Data("\n".utf8))
  }
}
