import ArgumentParser
import CAllocations
import Compute
import Foundation
import Imaging
import Inspection
import Transformer

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Times the encoder on this machine.",
    discussion: "Absolute times say something about this machine at this moment only.")

  @OptionGroup var options: EncoderOptions

  @Option(help: "Side of the square input in pixels.")
  var side = 336

  @Option(help: "Block whose tokens are read.")
  var block = 8

  @OptionGroup var tap: TapOptions

  @Option(help: "Frames timed, after two that are not.")
  var frames = 30

  @Flag(help: "Print as JSON.")
  var json = false

  @Flag(help: "Answer requests on standard input instead, as Scripts/bench-peers makes them.")
  var serve = false

  func validate() throws {
    for (name, value) in [("side", side), ("block", block), ("frames", frames)] where value < 1 {
      throw ValidationError("--\(name) is \(value); it must be at least 1.")
    }
  }

  struct Report: Encodable {
    let path: String
    let threads: Int
    let side: Int
    let block: Int
    let medianMs: Double
    let p99Ms: Double
    let gmacsPerS: Double
    /// What the processor could do at most, and how much of it is used; absent for the reference and portable C.
    let peakGmacsPerS: Double?
    let peakShare: Double?
    /// Blocks of memory asked for while one frame was encoded.
    let allocationsPerFrame: Double
    /// Largest resident set of this process so far.
    let rssMb: Double
  }

  func run() async throws {
    try await reportingFailures {
      let engine = try options.load()
      let server = BenchServer(engine: engine, picture: Self.testCard(side: side), tap: tap.tap(block: block))
      if serve { return try server.serve() }
      _ = try server.time(2)
      let before = ca_allocations()
      let unsorted = try server.time(frames)
      let allocations = Double(ca_allocations() - before) / Double(frames)
      let times = unsorted.sorted()
      let median = times[times.count / 2]
      let gmacsPerS = server.gmacs / median * 1000
      let peak = server.peakGmacsPerS
      let report = Report(
        path: engine.instructionSet, threads: options.threads ?? ThreadPool.processorCount, side: side,
        block: block, medianMs: median,
        p99Ms: times[min(times.count - 1, times.count * 99 / 100)],
        gmacsPerS: gmacsPerS, peakGmacsPerS: peak, peakShare: peak.map { gmacsPerS / $0 },
        allocationsPerFrame: allocations, rssMb: Self.peakMemory)
      if json { return try printJSON(report) }
      print(
        String(
          format: "%@, %d threads, %d px, %d blocks: median %.1f ms, p99 %.1f ms, %.0f GMAC/s", report.path,
          report.threads, side, block, report.medianMs, report.p99Ms, report.gmacsPerS)
          + (report.peakShare.map { String(format: ", %.0f %% of the peak", $0 * 100) } ?? ""))
    }
  }

  /// In megabytes.
  private static var peakMemory: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1000
  }

  /// Gradients and edges, so that no channel is constant.
  static func testCard(side: Int) -> Picture {
    var pixels = [UInt8](repeating: 0, count: side * side * 3)
    for index in pixels.indices {
      let (y, x, channel) = (index / 3 / side, index / 3 % side, index % 3)
      pixels[index] = UInt8((x * (channel + 1) + y * 3 + (x / 16 + y / 16) % 2 * 90) % 256)
    }
    return Picture(width: side, height: side, pixels: pixels)
  }
}
