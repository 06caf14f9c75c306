import Foundation
import Logging
import TestSupport
import Testing

@testable import Station

@Suite struct StationLogHandlerTests {
  @Test func theJournalGetsPriorityAndFieldsOnOneLine() {
    let line = StationLogHandler.line(
      level: .warning, message: "The line stalled.\nNo frame.",
      fields: ["reason": "no frame \"yet\"", "line": "mono", "note": ""], time: nil)
    #expect(
      line == "<4>The line stalled. | No frame. line=mono note=\"\" reason=\"no frame \\\"yet\\\"\"\n")
  }

  @Test func theJournalGetsEveryFieldByItself() throws {
    let folder = try TemporaryFolder()
    let receiver = try DatagramReceiver(address: folder.file("journal").path)
    let journal = try #require(JournalSocket(path: folder.file("journal").path))
    let fields: Logger.Metadata = ["line": "mono", "at-line": "3", "error": "one\ntwo"]
    let line = StationLogHandler.line(level: .error, message: "It failed.", fields: fields, time: nil)
    #expect(journal.send(StationLogHandler.entry(level: .error, line: line, fields: fields)))
    let entry = try #require(receiver.receive(waits: true))
    #expect(
      entry
        == "MESSAGE=It failed. at-line=3 error=\"one | two\" line=mono\nPRIORITY=3\nSYSLOG_IDENTIFIER=assayd\n"
        + "ASSAYD_AT_LINE=3\nASSAYD_ERROR\n\u{7}\0\0\0\0\0\0\0one\ntwo\nASSAYD_LINE=mono\n")
  }

  @Test func anEntryNobodyTakesIsNotSent() throws {
    let folder = try TemporaryFolder()
    #expect(JournalSocket(path: folder.file("nobody").path)?.send([65]) == false)
  }

  @Test func aTerminalGetsTimeAndLevel() {
    let line = StationLogHandler.line(
      level: .info, message: "Ready.", fields: [:], time: Date(timeIntervalSince1970: 1.25))
    #expect(line == "1970-01-01T00:00:01.250000000Z info Ready.\n")
  }

  @Test(arguments: zip(Logger.Level.allCases, [7, 7, 6, 5, 4, 3, 2]))
  func levelsHaveTheirSyslogPriority(level: Logger.Level, priority: Int) {
    #expect(
      StationLogHandler.line(level: level, message: "m", fields: [:], time: nil) == "<\(priority)>m\n")
  }
}
