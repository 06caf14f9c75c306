import Foundation
import TestSupport
import Testing

/// The shipped unit, judged by systemd's own tool where it is installed.
@Suite struct SystemdUnitTests {
  private static let analyze = "/usr/bin/systemd-analyze"
  private static let unit = Repository.root.appending(path: "systemd/assayd.service")

  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: analyze), "systemd-analyze is not installed."))
  func itIsExposedByAtMostTwoPoints() throws {
    // Ends with another status than 0 above the threshold, which is in tenths.
    try Oracle.run(
      executable: Self.analyze,
      ["security", "--offline=true", "--threshold=20", "--no-pager", Self.unit.path])
  }

  @Test func itKnowsTheProgramsExitStatusesAndProtocol() throws {
    let text = try String(contentsOf: Self.unit, encoding: .utf8)
    let settings = text.split(separator: "\n").filter { $0.contains("=") && !$0.hasPrefix("#") }
    #expect(settings.contains("Type=notify"))
    #expect(settings.contains("RestartPreventExitStatus=64 65 66 78"))
    #expect(settings.contains("DeviceAllow=char-video4linux rw"))
  }
}
