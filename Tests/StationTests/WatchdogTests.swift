import Capture
import Foundation
import Imaging
import Inspection
import Messaging
import TestSupport
import Testing

@testable import Station

/// What the service manager hears.
@Suite struct WatchdogTests {
  private let folder: TemporaryFolder
  private let manager: DatagramReceiver
  private let address: String

  init() throws {
    folder = try TemporaryFolder()
    address = folder.file("notify").path
    manager = try DatagramReceiver(address: address)
  }

  @Test func itHearsReadinessStatusWatchdogAndStop() async throws {
    let bench = try StationBench(
      ["line": ScriptedSource([.frame(Parts.raw(seed: 1)), .pause(.milliseconds(5))], repeats: true)],
      notifySocket: address, watchdog: .milliseconds(400))
    var heard: [String] = []
    try await bench.run {
      try await StationBench.wait(for: "a fed watchdog and a running line") {
        heard += manager.drain()
        return heard.count { $0 == "WATCHDOG=1" } >= 3
          && heard.contains { $0.hasPrefix("STATUS=1 of 1 lines running") }
      }
    }
    heard += manager.drain()
    #expect(heard.count { $0 == "READY=1" } == 1)
    #expect(heard.count { $0 == "STOPPING=1" } == 1)
  }

  @Test func aFaultedLineStillFeedsTheWatchdog() async throws {
    let bench = try StationBench(
      ["line": ScriptedSource([.fault(.noDevice)])], notifySocket: address, watchdog: .milliseconds(400))
    var heard: [String] = []
    try await bench.run {
      try await StationBench.wait(for: "a fed watchdog") {
        heard += manager.drain()
        return heard.count { $0 == "WATCHDOG=1" } >= 5
      }
    }
    #expect(heard.contains("READY=1"))
    #expect(heard.contains { $0.hasPrefix("STATUS=0 of 1 lines running; line: no_device") })
  }

  @Test func aJudgingThatHangsStarvesTheWatchdog() async throws {
    let encoder = PatchEncoder()
    let bench = try StationBench(
      ["line": ScriptedSource([.frame(Parts.raw(seed: 1))])], encoder: encoder, notifySocket: address,
      watchdog: .milliseconds(400))
    encoder.resetCallCount()
    encoder.hang(true)
    try await bench.run {
      try await StationBench.wait(for: "the judging") { encoder.callCount > 0 }
      try await Task.sleep(for: .milliseconds(400))
      _ = manager.drain()
      try await Task.sleep(for: .milliseconds(500))
      #expect(!manager.drain().contains("WATCHDOG=1"))
      encoder.hang(false)
      try await StationBench.wait(for: "a fed watchdog") { manager.drain().contains("WATCHDOG=1") }
    }
  }

  @Test func aReloadIsToldAndItsRefusalIsInTheStatus() async throws {
    let bench = try StationBench(
      ["line": ScriptedSource([.frame(Parts.raw(seed: 100)), .handled], repeats: true)], notifySocket: address
    )
    var heard: [String] = []
    try await bench.run {
      try await StationBench.wait(for: "readiness") {
        heard += manager.drain()
        return heard.contains("READY=1")
      }
      heard = []
      try bench.write(line: "line", "camera: 3")
      _ = await bench.reload()
      try await StationBench.wait(for: "the status") {
        heard += manager.drain()
        return heard.contains {
          $0.contains("; changed configuration refused: ") && $0.contains("lines/line.yaml:1:")
        }
      }
    }
    let began = try #require(heard.firstIndex { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
    #expect(heard[began...].contains("READY=1"))
  }
}

extension DatagramReceiver {
  /// What has come so far. The kernel queues ten datagrams and then lets the sender wait, so somebody must read them.
  func drain() -> [String] {
    var messages: [String] = []
    while let message = receive(waits: false) { messages.append(message) }
    return messages
  }
}
