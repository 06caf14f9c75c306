import Foundation
import Imaging
import TestSupport
import Testing
import Transformer

/// The program `assayd` as people and the service manager meet it: its arguments, its exit statuses, its signals.
@Suite struct DaemonTests {
  @Test func theHelpNamesOptionsAndExitStatuses() async throws {
    let run = try await Daemon(["--help"]).end()
    #expect(run.status == 0)
    #expect(
      run.output == """
        OVERVIEW: Watches production lines through cameras and tells what it finds over
        MQTT.

        The configuration is read from ROOT/etc/assayd, what is learned and stored lies
        in ROOT/var/lib/assayd.
        SIGHUP has it read its configuration again and go over to it without stopping;
        a wrong one is refused.
        SIGTERM and SIGINT stop the station within two seconds; a second one ends it at
        once.

        Exit status:
          0   stopped as asked, or nothing to say against the configuration
          64  the command line is wrong
          65  the model file is damaged or of a kind this program does not run
          66  there is no configuration
          70  the program failed
          78  the configuration is wrong; every mistake is on standard error

        USAGE: assayd [--root <root>] [--check]

        OPTIONS:
          --root <root>           The folder that holds etc/assayd and var/lib/assayd.
                                  (default: /)
          --check                 Check configuration, model and recipes, say what is
                                  wrong, and end.
          --version               Show the version.
          -h, --help              Show help information.


        """)
  }

  @Test func aWrongCommandLineEndsWith64() async throws {
    let run = try await Daemon(["--rot", "/"]).end()
    #expect(run.status == 64)
    #expect(run.errors.contains("Unknown option '--rot'"))
  }

  @Test func aMissingConfigurationEndsWith66() async throws {
    let empty = try TemporaryFolder()
    let run = try await Daemon(["--root", empty.url.path]).end()
    #expect(run.status == 66)
    #expect(run.errors.contains("etc/assayd/assayd.yaml: does not exist"))
  }

  @Test func aWrongConfigurationEndsWith78AndTellsEveryMistake() async throws {
    let folder = try ConfigurationFolder(lines: ["a": "recipe: cell\nspeed: 1", "b": "replay: [\n"])
    try folder.write("etc/assayd/assayd.yaml", "broker:\n  port: 0\n")
    let run = try await Daemon(["--root", folder.folder.url.path]).end()
    #expect(run.status == 78)
    for place in [
      "assayd.yaml:1:1: `host`", "assayd.yaml:1:1: `model`", "assayd.yaml:2:9: `broker.port` is 0",
      "lines/a.yaml:1:1: ", "lines/a.yaml:2:1: `speed`", "lines/b.yaml:2:1: ",
    ] {
      #expect(run.errors.contains(place), "\(place) in \(run.errors)")
    }
  }

  @Test func aDamagedModelEndsWith65() async throws {
    let folder = try ConfigurationFolder()
    let run = try await Daemon(["--root", folder.folder.url.path, "--check"]).end()
    #expect(run.status == 65)
    #expect(run.errors.contains("model.safetensors"))
  }

  @Test func aCheckTellsHowTheLinesAre() async throws {
    let folder = try Self.folder()
    let run = try await Daemon(["--root", folder.folder.url.path, "--check"]).end()
    #expect(run.status == 0)
    #expect(
      run.output.hasPrefix(
        "Line mono: Recipe cell has no references yet: enrol pictures of good parts with `assayctl enrol` or the "
          + "MQTT command `enrol`.\nThe configuration is correct: 1 line, hash "))
  }

  @Test func aTermUnderLoadEndsCleanlyWithinTwoSeconds() async throws {
    let folder = try Self.folder()
    let daemon = try Daemon(["--root", folder.folder.url.path])
    try await StationBench.wait(for: "frames") { daemon.errors.contains("Frames arrive.") }
    let begin = ContinuousClock.now
    daemon.send(SIGTERM)
    let run = try await daemon.end()
    #expect(run.status == 0)
    #expect(.now - begin < .seconds(2 * Sanitiser.patience))
    #expect(run.errors.contains("The station has stopped."))
  }

  @Test func aHangUpReloadsAndABrokenStartUsesTheLastGoodConfiguration() async throws {
    let folder = try Self.folder()
    let daemon = try Daemon(["--root", folder.folder.url.path])
    try await StationBench.wait(for: "frames") { daemon.errors.contains("Frames arrive.") }
    daemon.send(SIGHUP)
    try await StationBench.wait(for: "the reload") {
      daemon.errors.contains("The configuration was reloaded.")
    }
    // Saved files are noticed without being told.
    try folder.write("etc/assayd/lines/mono.yaml", "replay: 3")
    try await StationBench.wait(for: "the refusal") {
      daemon.errors.contains("The changed configuration is refused, the old one goes on: ")
    }
    daemon.send(SIGTERM)
    #expect(try await daemon.end().status == 0)

    let again = try Daemon(["--root", folder.folder.url.path])
    try await StationBench.wait(for: "frames") { again.errors.contains("Frames arrive.") }
    #expect(again.errors.contains("The last good configuration is used, because the present one is broken: "))
    again.send(SIGTERM)
    #expect(try await again.end().status == 0)
    #expect(try await Daemon(["--root", folder.folder.url.path, "--check"]).end().status == 78)
  }

  @Test func aSecondSignalEndsItAtOnce() async throws {
    let folder = try Self.folder()
    let daemon = try Daemon(["--root", folder.folder.url.path])
    try await StationBench.wait(for: "frames") { daemon.errors.contains("Frames arrive.") }
    // Both are pending when the process goes on, so the stop has hardly time to end between them.
    daemon.send(SIGSTOP)
    daemon.send(SIGINT)
    daemon.send(SIGTERM)
    daemon.send(SIGCONT)
    // A stop that came to its end would be a 0.
    #expect([128 + SIGINT, 128 + SIGTERM].contains(try await daemon.end().status))
  }

  @Test func theJournalGetsPriorities() async throws {
    let folder = try ConfigurationFolder(lines: [:])
    let run = try await Daemon(["--root", folder.folder.url.path], isJournal: true).end()
    #expect(run.status == 78)
    #expect(run.errors.hasPrefix("<2>"))
  }

  /// A station with a small random model and a line that replays pictures as fast as it can.
  private static func folder() throws -> ConfigurationFolder {
    let folder = try ConfigurationFolder(lines: [
      "mono": "replay:\n  folder: pictures\n  rate: 1000\nrecipe: cell"
    ])
    try folder.write(
      "etc/assayd/assayd.yaml",
      ConfigurationFolder.station.replacing("host: 127.0.0.1", with: "host: 127.0.0.1\n  port: 1")
        + "\nconsole:\n  enabled: false")
    try folder.write("pictures/a.png", Data(try Parts.picture(seed: 1).pngData()))
    try folder.write("pictures/b.png", Data(try Parts.picture(seed: 2).pngData()))
    let configuration = ImageTowerConfiguration(
      patchSize: 14, width: 32, depth: 1, heads: 2, mlpWidth: 64, activation: .gelu, layerNormEpsilon: 1e-6,
      hasPreNorm: false, gridRows: 2, gridColumns: 2, positionInterpolation: .bicubic, embeddingWidth: nil,
      mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25])
    let origin = ModelOrigin(
      attribution: "seeded random weights", layout: "none", sourceFile: "none", sourceHash: "none",
      sourceTensors: 0, sourceParameters: 0, tool: "tests")
    var generator = SeededGenerator(seed: 1)
    try ModelFile.write(
      to: folder.folder.file("model.safetensors"), configuration: configuration, precision: .int8,
      origin: origin
    ) { _, shape in
      (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }
    }
    return folder
  }
}

/// The program, started.
final class Daemon {
  private let process = Process()
  private let folder: TemporaryFolder

  struct Run {
    var status: Int32
    var output: String
    var errors: String
  }

  /// - Parameters:
  ///   - program: its name beside the tests.
  ///   - isJournal: whether it is to believe that its standard error is the journal.
  init(_ arguments: [String], program: String = "assayd", isJournal: Bool = false) throws {
    folder = try TemporaryFolder()
    let (output, errors) = (folder.file("stdout"), folder.file("stderr"))
    try Data().write(to: output)
    try Data().write(to: errors)
    var environment = ProcessInfo.processInfo.environment
    environment["NOTIFY_SOCKET"] = nil
    environment["JOURNAL_STREAM"] = nil
    if isJournal {
      var status = stat()
      #expect(stat(errors.path, &status) == 0)
      environment["JOURNAL_STREAM"] = "\(status.st_dev):\(status.st_ino)"
    }
    process.executableURL = Bundle.main.bundleURL.appending(path: program)
    process.arguments = arguments
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
  }

  var errors: String { (try? String(contentsOf: folder.file("stderr"), encoding: .utf8)) ?? "" }

  /// Whether a signal would not end it, because it looks after it itself.
  func looksAfter(_ signal: Int32) -> Bool {
    let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
    let caught = status?.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t")
      .last
    return caught.flatMap { UInt64($0, radix: 16) }.map { $0 >> (signal - 1) & 1 == 1 } ?? false
  }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for its end; kills it where that takes too long.
  func end(seconds: Double = 60) async throws -> Run {
    try await StationBench.wait(for: "the program's end", seconds: seconds) { !process.isRunning }
    if process.isRunning {
      send(SIGKILL)
      process.waitUntilExit()
    }
    return Run(
      status: process.terminationStatus,
      output: try String(contentsOf: folder.file("stdout"), encoding: .utf8), errors: errors)
  }
}
