import Capture
import Foundation
import Testing

/// `stop()` ends a source wherever it waits: in the driver, or between two attempts.
@Suite struct StopTests {
  /// What was captured before is still handed out; then `.end`, again and again.
  @Test func endsAndStaysEnded() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good])
    let watching = try Watching(video)
    guard case .status = watching.camera.next() else {
      Issue.record("no status before the first frame")
      return
    }
    watching.camera.stop()
    watching.camera.stop()
    #expect([watching.camera.next()].story == ["#0"])
    for _ in 0..<3 { #expect([watching.camera.next()].story == ["end"]) }
    watching.expectOrder()
  }

  /// A source that is dropped without being stopped gives its device back.
  @Test func aDroppedCameraIsClosed() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good])
    var watching: Watching? = try Watching(video)
    _ = watching?.camera.next()
    #expect(!video.isClean)
    watching = nil
    #expect(video.isClean && video.violations == [])
  }

  @Test func beforeTheFirstFrameNothingIsOpened() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    let watching = try Watching(video)
    watching.camera.stop()
    #expect([watching.camera.next()].story == ["end"])
    #expect(video.log.isEmpty)
  }

  /// The real system calls: the capture thread waits for a camera that does not exist, another thread stops it.
  @Test(.timeLimit(.minutes(1))) func wakesARealWait() async throws {
    let camera = try V4L2Camera(name: "line", options: .init(device: "/dev/video-that-is-not-there"))
    async let story = onOwnThread {
      var outcomes: [FrameOutcome] = []
      while true {
        let outcome = camera.next()
        outcomes.append(outcome)
        if case .end = outcome { return outcomes.story }
      }
    }
    while camera.counters.reopened < 2 { try await Task.sleep(for: .milliseconds(5)) }
    camera.stop()
    #expect(await story == ["no_device: no_device", "end"])
  }
}
