import Foundation
import Logging
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

  @Test func anEntryOfTheJournalHasEachFieldByName() {
    let entry = StationLogHandler.entry(
      level: .error, message: "Two\nlines", fields: ["line": "mono", "boot_id": "a b", "x-y": ""])
    #expect(
      String(decoding: entry, as: UTF8.self)
        == """
        MESSAGE=Two | lines boot_id="a b" line=mono x-y=""
        PRIORITY=3
        SYSLOG_IDENTIFIER=assayd
        ASSAYD_BOOT_ID=a b
        ASSAYD_LINE=mono
        ASSAYD_X_Y=

        """)
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
