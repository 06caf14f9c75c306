internal import Compute
internal import Foundation

/// Adds up the time of every stage and block, in a table of its own for each thread, so that no two write to the same.
final class StageClock: Sendable {
  /// Nanoseconds: threads x (blocks + 1) x stages.
  private let table: AlignedBuffer<UInt64>
  private let threads: Int
  private let blocks: Int

  init(threads: Int, blocks: Int) {
    self.threads = threads
    self.blocks = blocks
    table = AlignedBuffer(count: threads * (blocks + 1) * EncodeStage.allCases.count)
  }

  /// The stages of a block on a thread; block 0 is what comes before the first one.
  func stages(thread: Int, block: Int) -> UnsafeMutablePointer<UInt64> {
    table.base + (thread * (blocks + 1) + block) * EncodeStage.allCases.count
  }

  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// After the last picture, on one thread.
  func profile(
    _ configuration: ImageTowerConfiguration, patches: Int, taps: [TokenTap], frames: Int
  ) -> EncodeProfile {
    let plan = EncodePlan(taps: taps)
    var entries: [EncodeProfile.Entry] = []
    for block in 0...blocks {
      for stage in EncodeStage.allCases {
        let nanoseconds = (0..<threads).reduce(0) { $0 + stages(thread: $1, block: block)[stage.index] }
        guard nanoseconds > 0 else { continue }
        entries.append(
          EncodeProfile.Entry(
            block: block, stage: stage, milliseconds: Double(nanoseconds) / 1e6 / Double(frames),
            multiplications: configuration.multiplications(
              of: stage, block: block, patches: patches, taps: taps, plan: plan)))
      }
    }
    return EncodeProfile(entries: entries, frames: frames)
  }
}
