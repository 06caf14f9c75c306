import ArgumentParser
import Compute
import Foundation
import Imaging
import Inspection
import Transformer

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Times the encoder on this machine.",
    discussion: """
      Prints the latency of the encoder, then where it goes: the time, rate and share of the int8 peak of each kernel, \
      and the time of each block. Absolute times say something about this machine at this moment only.
      """)

  @OptionGroup var options: EncoderOptions

  @Option(help: "Side of the square input in pixels.")
  var side = 336

  @Option(help: "Block whose tokens are read.")
  var block = 8

  @OptionGroup var tap: TapOptions

  @Option(help: "Frames timed, after two that are not.")
  var frames = 30

  @Option(
    name: .customLong("end-to-end"),
    help: ArgumentHelp(
      "Also time the whole way from compressed picture to verdict on the pictures of this folder, the first of which are "
        + "the references.", valueName: "folder"),
    completion: .directory)
  var endToEnd: String?

  @Option(help: "References that --end-to-end enrols.")
  var references = 4

  @Flag(help: "Print as JSON.")
  var json = false

  @Flag(help: "Answer requests on standard input instead, as Scripts/bench-peers makes them.")
  var serve = false

  func validate() throws {
    for (name, value) in [("side", side), ("block", block), ("frames", frames), ("references", references)]
    where value < 1 {
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
    /// Of the int8 path only.
    var kernels: [KernelRow]?
    var blocks: [BlockRow]?
    var endToEnd: EndToEndBench.Report?
  }

  /// One kernel over all blocks, or one kernel of one block.
  struct KernelRow: Encodable {
    let kernel: String
    /// Of one frame, the threads' times added.
    let ms: Double
    /// Of one thread; absent for kernels that multiply no matrices.
    let gmacsPerS: Double?
    let peakShare: Double?

    init(_ kernel: EncodeStage, ms: Double, multiplications: Double, threadPeak: Double?) {
      self.kernel = kernel.rawValue
      self.ms = ms
      gmacsPerS = multiplications > 0 ? multiplications / ms / 1e6 : nil
      peakShare = gmacsPerS.flatMap { rate in threadPeak.map { rate / $0 } }
    }

    var cells: [String] {
      [
        kernel, String(format: "%.3f", ms), gmacsPerS.map { String(format: "%.0f", $0) } ?? "",
        peakShare.map { String(format: "%.0f %%", $0 * 100) } ?? "",
      ]
    }
  }

  /// One block; 0 is what comes before the first.
  struct BlockRow: Encodable {
    let block: Int
    let ms: Double
    let gmacsPerS: Double
    let kernels: [KernelRow]
  }

  func run() async throws {
    try await reportingFailures {
      let engine = try options.load()
      let server = BenchServer(engine: engine, picture: Self.testCard(side: side), tap: tap.tap(block: block))
      if serve { return try server.serve() }
      _ = try server.time(2)
      let timed = try server.time(frames)
      let times = timed.frames.sorted()
      let median = times[times.count / 2]
      let gmacsPerS = server.gmacs / median * 1000
      let peak = server.peakGmacsPerS
      var report = Report(
        path: engine.instructionSet, threads: options.threads ?? ThreadPool.processorCount, side: side,
        block: block, medianMs: median,
        p99Ms: times[min(times.count - 1, times.count * 99 / 100)],
        gmacsPerS: gmacsPerS, peakGmacsPerS: peak, peakShare: peak.map { gmacsPerS / $0 },
        allocationsPerFrame: Double(timed.allocations) / Double(max(1, frames - 1)), rssMb: Self.peakMemory)
      if let tower = engine.encoder as? QuantisedImageTower {
        let profile = try tower.profile(server.picture, taps: [TokenTap(block: block)], frames: frames)
        let threadPeak = peak.map { $0 / Double(report.threads) }
        report.kernels = Self.kernels(of: profile, threadPeak: threadPeak)
        report.blocks = Self.blocks(of: profile, threadPeak: threadPeak)
      }
      if let endToEnd {
        let bench = try EndToEndBench(
          engine: engine, folder: endToEnd, references: references,
          options: ScoringOptions(inputWidth: side, inputHeight: side, taps: [TokenTap(block: block)]))
        report.endToEnd = try bench.run(frames: frames)
      }
      if json { return try printJSON(report) }
      print(
        String(
          format: "%@, %d threads, %d px, %d blocks: median %.1f ms, p99 %.1f ms, %.0f GMAC/s", report.path,
          report.threads, side, block, report.medianMs, report.p99Ms, report.gmacsPerS)
          + (report.peakShare.map { String(format: ", %.0f %% of the peak", $0 * 100) } ?? ""))
      if let kernels = report.kernels {
        print(table([["", "ms", "GMAC/s a thread", "of the peak"]] + kernels.map(\.cells)))
      }
      if let blocks = report.blocks {
        print(
          table(
            [["block", "ms", "GMAC/s a thread"]]
              + blocks.map {
                ["\($0.block)", String(format: "%.3f", $0.ms), String(format: "%.0f", $0.gmacsPerS)]
              }))
      }
      if let endToEnd = report.endToEnd { print(endToEnd.text) }
    }
  }

  private static func kernels(of profile: EncodeProfile, threadPeak: Double?) -> [KernelRow] {
    EncodeStage.allCases.map {
      KernelRow(
        $0, ms: profile.milliseconds(of: $0), multiplications: profile.multiplications(of: $0),
        threadPeak: threadPeak)
    }
  }

  private static func blocks(of profile: EncodeProfile, threadPeak: Double?) -> [BlockRow] {
    Dictionary(grouping: profile.entries, by: \.block).sorted { $0.key < $1.key }.map { block, entries in
      let ms = entries.reduce(0) { $0 + $1.milliseconds }
      return BlockRow(
        block: block, ms: ms, gmacsPerS: entries.reduce(0) { $0 + $1.multiplications } / ms / 1e6,
        kernels: entries.map {
          KernelRow(
            $0.stage, ms: $0.milliseconds, multiplications: $0.multiplications, threadPeak: threadPeak)
        })
    }
  }

  /// In megabytes.
  static var peakMemory: Double {
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
