import Foundation
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Messaging

/// Waits until something is true, looking often; fails the test when it is not within the time.
func eventually(
  within seconds: Double = 15, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () throws -> Bool
) async rethrows {
  let end = ContinuousClock.now + .seconds(seconds * Sanitiser.patience)
  while ContinuousClock.now < end {
    if try condition() { return }
    try? await Task.sleep(for: .milliseconds(5))
  }
  #expect(try condition(), what, sourceLocation: sourceLocation)
}

/// What was logged, for tests that read it.
final class LogBook: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(book: self) }
  }

  private struct Handler: LogHandler {
    let book: LogBook
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      book.lines.withLock { $0.append("\(event.level): \(event.message)") }
    }
  }
}

/// Settings that make every wait short.
func quickConfiguration(port: Int) -> MQTTConfiguration {
  MQTTConfiguration(
    host: "127.0.0.1", port: port, clientID: "station-\(port)", keepAlive: 5, connectTimeout: .seconds(10),
    acknowledgeTimeout: .seconds(10), refusalPause: .milliseconds(60), settledAfter: .seconds(2),
    backOff: BackOff(first: .milliseconds(20), longest: .milliseconds(100)))
}

/// A spool in a folder that is removed when the tests end.
func makeSpool(log: LogBook = LogBook()) -> Spool {
  Spool(file: spoolFolder.appending(path: "\(UUID().uuidString).sqlite"), logger: log.logger)
}

private let spoolFolder: URL = {
  let folder = FileManager.default.temporaryDirectory.appending(path: "assayd-test-spools-\(getpid())")
  try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  atexit { try? FileManager.default.removeItem(at: spoolFolder) }
  return folder
}()

/// A session on a port with everything short, changed as the test wants.
func makeSession(
  port: Int, outbox: any Outbox = makeSpool(), log: LogBook = LogBook(),
  _ change: (inout MQTTConfiguration) -> Void = { _ in }
) throws -> MQTTSession {
  var configuration = quickConfiguration(port: port)
  change(&configuration)
  return try MQTTSession(
    configuration, topics: TopicTree(root: "assayd/test"), outbox: outbox, logger: log.logger)
}

extension OutboxCounts {
  /// Every message that came in is somewhere.
  var addUp: Bool { appended + recovered == acknowledged + rejected + dropped + waiting }
}

extension MQTTSession {
  /// Whether the loop has turned no more often than a hundred times a second since then, and fifty times for what really
  /// happened. A loop that spins makes ten thousand turns and more.
  func isCalm(since began: ContinuousClock.Instant) -> Bool {
    Double(loopTurns) < 50 + (ContinuousClock.now - began).inMilliseconds / 10
  }

  var isOnline: Bool { status.connection == .online }

  func deliver(_ text: String, to topic: String = "assayd/test/mono/result") {
    deliver(Array(text.utf8), to: topic, importance: .important)
  }
}

/// A result as a line would make it, with every field known.
func sampleResult(seq: UInt64 = 1, verdict: ReportedVerdict = .ng, id: ULID = ULIDGenerator().next())
  -> ResultMessage
{
  ResultMessage(
    resultID: id, bootID: "boot", seq: seq, line: "mono", partID: "P1", partIDSource: "trigger",
    recipe: RecipeReference(id: "cell", version: "3", hash: "abc"), modelHash: "def",
    exposureUTC: UTCTimestamp(nanoseconds: 1_772_346_600_123_456_789), clockQuality: .startOfExposure,
    times: .init(acquireMs: 3.5, waitMs: 0.2, inferMs: 48, postMs: 2.25, totalMs: 54.5, deadlineMet: true),
    verdict: verdict, score: 0.41, threshold: 0.25, reason: "Score above the threshold.",
    regions: [
      .init(
        defect: .init(name: "crack", score: 0.8), areaPx: 120, areaMm2: 4.5, bbox: (10, 20, 12, 10),
        centroid: (16, 25), polygon: [(10, 20), (22, 20), (22, 30), (10, 30)], peak: 0.6)
    ],
    mask: .init(height: 4, width: 4, counts: "52203", toSensor: [[75, 0, 0], [0, 75, 0]]),
    quality: .init(frameSequence: 17, framesLost: 0, warnings: []), degradations: [], evidenceURI: "file:e/1",
    isSimulated: true, expected: "crack")
}

/// What tests call this machine: by address always, and by name where the system knows the name; a bare root without
/// /etc/hosts does not.
let loopbackHosts = ["127.0.0.1"] + (resolves("localhost") ? ["localhost"] : [])

private func resolves(_ name: String) -> Bool {
  var found: UnsafeMutablePointer<addrinfo>?
  guard getaddrinfo(name, nil, nil, &found) == 0 else { return false }
  freeaddrinfo(found)
  return true
}
