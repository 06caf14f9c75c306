public import Foundation
public import Logging

/// An outbox on disk: it survives the broker, the process and the power.
///
/// Appending never waits for the disk. A thread of its own writes what was appended, many messages in one
/// transaction, and forces it to the medium: alerts and whatever is not `ok` at once, good parts' results after 50 ms
/// unless the broker has acknowledged them by then. What is younger than that, and not acknowledged, is what a power
/// cut or a kill can take.
///
/// Where the disk does not work (full, read-only, gone), messages are kept in memory within `OutboxLimits.inMemory`
/// and sent from there, `counts.trouble` says why, and the spool tries again every few seconds. A damaged file is
/// moved aside as `<name>-damaged-<time>.sqlite`, the newest three of which are kept, and a new one begun.
public final class Spool: Outbox {
  private let contents: SpoolContents

  /// Opens the file or makes it. It always succeeds; what is wrong is in the log and in `counts.trouble`.
  ///
  /// - Parameters:
  ///   - file: an SQLite database. Nobody else may use it at the same time.
  ///   - limits: bounds on what is in the file. What waits in memory for the disk has bounds of its own.
  ///   - now: milliseconds since 1970, from a clock that does not jump while the process runs.
  public init(
    file: URL, limits: OutboxLimits = OutboxLimits(), memoryLimits: OutboxLimits = .inMemory, logger: Logger,
    now: @escaping @Sendable () -> Int64 = Spool.steadyClock()
  ) {
    // Numbers of a later process are greater even where the file could not be read: a million a second from 1970.
    let base = UInt64(max(0, now() / 1000)) << 20
    contents = SpoolContents(memoryLimits: memoryLimits, base: base)
    let writer = SpoolWriter(file: file, limits: limits, contents: contents, logger: logger, now: now)
    writer.open()
    writer.startThread()
  }

  deinit { contents.beginClose() }

  /// The computer's time at this moment, going on without the jumps by which that is set.
  public static func steadyClock() -> @Sendable () -> Int64 {
    let begin = ContinuousClock.now
    let base = UTCTimestamp.now.nanoseconds / 1_000_000
    return { base + Int64((ContinuousClock.now - begin) / .milliseconds(1)) }
  }

  public func append(_ message: OutboxMessage) { contents.append(message) }

  public func next(after identifier: UInt64, in lane: OutboxLane) -> OutboxEntry? {
    contents.next(after: identifier, in: lane)
  }

  public func acknowledge(_ identifier: UInt64) { contents.acknowledge(identifier) }

  public func reject(_ identifier: UInt64) { contents.reject(identifier) }

  public var counts: OutboxCounts { contents.counts }

  public func onNews(_ wake: @escaping @Sendable () -> Void) { contents.onNews(wake) }

  public var newestAlerts: [String: [UInt8]] { contents.newestAlerts }

  /// See `SpoolContents.isLoaded`.
  func isLoaded(_ lane: OutboxLane) -> Bool { contents.isLoaded(lane) }

  @discardableResult
  public func close(within limit: Duration) async -> Bool {
    await contents.close(within: limit)
    return contents.counts.unwritten == 0
  }
}
