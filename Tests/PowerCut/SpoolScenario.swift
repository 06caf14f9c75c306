import CPowerCut
import Foundation
import Messaging

/// Rounds of appending, waiting for the disk, and acknowledgements, as a broker would send them; then a clean end.
enum SpoolScenario {
  /// Says `written NAME` for what is safe, `acknowledging NAME` before the fact, and `given N` for what gave way so far.
  static func prepare(_ folder: URL) -> () async throws -> Void {
    {
      let spool = Spool(
        file: folder.appending(path: "spool.sqlite"), limits: OutboxLimits(messages: 14),
        logger: Scenario.logger)
      for round in 0..<5 {
        var names = (0..<5).map { "\(round)-\($0)" }
        for (number, name) in names.enumerated() {
          let text = name + " " + String(repeating: "x", count: 900 * number)
          spool.append(
            OutboxMessage(
              topic: "result", payload: Array(text.utf8), importance: number == 0 ? .routine : .important))
        }
        spool.append(OutboxMessage(topic: "alert", payload: Array("a\(round) ".utf8), importance: .alert))
        names.append("a\(round)")
        try await Scenario.wait {
          if spool.counts.trouble != nil { power_cut_room() }
          return spool.counts.unwritten == 0
        }
        for name in names { say("written \(name)") }
        say("given \(spool.counts.dropped)")
        var cursor: UInt64 = 0
        for _ in 0..<2 {
          try await Scenario.wait { spool.next(after: cursor, in: .results) != nil }
          guard let entry = spool.next(after: cursor, in: .results) else { break }
          say("acknowledging \(String(decoding: entry.message.payload, as: UTF8.self).prefix { $0 != " " })")
          spool.acknowledge(entry.identifier)
          cursor = entry.identifier
        }
      }
      let isClosed = await spool.close(within: .seconds(20))
      say("\(isClosed ? "closed" : "not closed") \(spool.counts.waiting)")
    }
  }
}
