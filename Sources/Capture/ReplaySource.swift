import Foundation
import Imaging
import Synchronization

/// A folder of pictures played as a camera would deliver them, one file a frame.
///
/// Picture k is due k periods after the first, whatever happened before, so the rate never drifts. The bytes are handed
/// on undecoded: decoding costs what it costs with a camera. A consumer that comes late gets what is due at once, up to
/// `backlog` frames; what it missed beyond that is lost time, counted as dropped like a driver's, but no lost picture.
public final class ReplaySource: FrameSource {
  /// As many frames as a camera's buffers hold.
  static let backlog: Int64 = 4
  /// Larger files are no pictures of a camera.
  static let largestFile = 256 << 20

  public let name: String
  public let options: ReplayOptions
  /// Pictures in one pass.
  public let pictureCount: Int

  private let folder: ReplayFolder
  private let clock: any CaptureClock
  private let waker: Waker
  private let run: Mutex<Run>
  private let shared = Mutex(SourceCounters())

  private struct Run {
    var start: MonotonicInstant?
    /// The next place in the schedule, and the next frame's sequence number.
    var slot: Int64 = 0
    var pass: [FrameLabel] = []
    var position = 0
    var generator: SplitMix64
    var status = StatusTracker()
    var pending: [FrameOutcome] = []
    var isOver = false
  }

  /// Lists the folder; reads no picture yet.
  /// - Throws: `folderMissing`, `folderEmpty`, `listingInvalid`, or `outOfResources`.
  public convenience init(name: String, options: ReplayOptions) throws(CaptureError) {
    try self.init(name: name, options: options, clock: LinuxVideo())
  }

  package init(name: String, options: ReplayOptions, clock: any CaptureClock) throws(CaptureError) {
    self.name = name
    self.options = options
    self.clock = clock
    folder = try ReplayFolder(options)
    pictureCount = folder.pictures.count
    waker = try Waker()
    let seed: UInt64 = if case .shuffled(let seed) = options.order { seed } else { 0 }
    run = Mutex(Run(generator: SplitMix64(state: seed)))
  }

  public func stop() { waker.wake() }

  public var counters: SourceCounters { shared.withLock { $0 } }

  public func next() -> FrameOutcome {
    run.withLock { run in
      if run.pending.isEmpty { play(&run) }
      return run.pending.isEmpty ? .end : run.pending.removeFirst()
    }
  }

  /// Reads the next picture, waits until it is due and queues what it leads to; nothing at the end.
  private func play(_ run: inout Run) {
    guard !run.isOver, !waker.isAwake, let label = nextPicture(&run) else {
      run.isOver = true
      return
    }
    let content = read(label.file)
    let (due, missed) = wait(&run)
    if waker.isAwake {
      run.isOver = true
      return
    }
    let sequence = UInt64(run.slot)
    run.slot += 1
    switch content {
    case .failure(let fault):
      shared.withLock {
        $0.dropped += missed
        $0.reject(fault)
      }
      run.pending.append(.rejected(fault, sequence: sequence))
      if let change = run.status.reject(fault, from: label.file) { run.pending.append(.status(change)) }
    case .success(let image):
      shared.withLock {
        $0.dropped += missed
        $0.captured += 1
        $0.delivered += 1
      }
      if let change = run.status.accept(summary) { run.pending.append(.status(change)) }
      var flags: FrameFlags = sequence == 0 ? [.afterOpen] : []
      if missed > 0 { flags.insert(.afterGap) }
      run.pending.append(
        .frame(
          Frame(
            image: image, source: name, sequence: sequence, exposure: due, exposureUTC: clock.utc(due),
            clockQuality: .schedule, arrival: max(due, clock.now()), flags: flags, label: label)))
    }
  }

  private func nextPicture(_ run: inout Run) -> FrameLabel? {
    if run.position == run.pass.count {
      if !run.pass.isEmpty && !options.loops { return nil }
      run.pass = folder.pictures
      if case .shuffled = options.order { run.generator.shuffle(&run.pass) }
      run.position = 0
    }
    defer { run.position += 1 }
    return run.pass[run.position]
  }

  /// Waits for the next place in the schedule that is not yet lost.
  /// - Returns: when it was due, and how many places were lost before it.
  private func wait(_ run: inout Run) -> (due: MonotonicInstant, missed: UInt64) {
    let start = run.start ?? clock.now()
    run.start = start
    let late = Int64(Double(clock.now().since(start)) * options.framesPerSecond / 1e9) - run.slot
    let missed = max(0, late - Self.backlog + 1)
    run.slot += missed
    let due = start.advanced(by: Int64((Double(run.slot) * 1e9 / options.framesPerSecond).rounded()))
    if due > clock.now() { clock.wait(until: due, or: waker) }
    return (due, UInt64(missed))
  }

  private func read(_ file: String) -> Result<RawImage, FrameFault> {
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(folder.root.appending(path: file).path, limit: Self.largestFile)
    } catch {
      return .failure(.unreadable)
    }
    if bytes.isEmpty { return .failure(.empty) }
    guard let format = PixelFormat(sniffing: bytes) else { return .failure(.notAPicture) }
    return .success(RawImage(format: format, bytes: bytes))
  }

  private var summary: String {
    "\(folder.root.path): \(pictureCount) pictures at \(CameraMode.rounded(options.framesPerSecond)) frames a second, "
      + (options.loops ? "over and over." : "once.")
  }
}

/// SplitMix64 (Steele, Lea and Flood, 2014) with a Fisher-Yates shuffle: the standard library promises no order for a
/// seed.
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }

  mutating func shuffle<Element>(_ items: inout [Element]) {
    for last in stride(from: items.count - 1, to: 0, by: -1) {
      // The high half of the product: even enough for a playing order, and the same everywhere.
      let other = next().multipliedFullWidth(by: UInt64(last + 1)).high
      items.swapAt(last, Int(other))
    }
  }
}
