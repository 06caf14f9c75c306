// A program that writes what a station writes and is ended in the middle of it. Its output tells what it believes to be
// safe; the test that started it holds that against what is on the disk afterwards.
//
// power-cut SCENARIO FOLDER UNDO AT MODE
import CPowerCut
import Foundation
import Glibc

guard CommandLine.arguments.count == 6, let scenario = Scenario(rawValue: CommandLine.arguments[1]),
  let moment = Int(CommandLine.arguments[4]), let mode = UInt32(CommandLine.arguments[5])
else {
  say("usage: power-cut \(Scenario.allCases.map(\.rawValue).joined(separator: "|")) FOLDER UNDO AT MODE")
  exit(64)
}
let folder = URL(filePath: CommandLine.arguments[2], directoryHint: .isDirectory)
do {
  let run = try scenario.prepare(folder)
  power_cut_arm(
    CommandLine.arguments[2], CommandLine.arguments[3], moment, power_cut_mode(rawValue: mode))
  try await run()
  say("end \(power_cut_count())")
} catch {
  say("failed: \(error)")
  exit(70)
}

/// One line at once: what was said before the end counts.
func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDOUT_FILENO, bytes, bytes.count)
}
