import CVideo4Linux
import Capture
import Imaging
import Testing

/// A camera that is plugged in, works, and now and then hands over something that must not be judged.
@Suite struct StreamingTests {
  /// The first frame makes the line `running`; each frame has its bytes, its place and its times.
  @Test func deliversFramesWithTheirTimes() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good, .good, Shot(clock: V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC), Shot(clock: 0)])
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 500)

    #expect(outcomes.story == ["running", "#0", "#1", "#2", "#3"])
    let frames = outcomes.frames
    #expect(frames.map(\.clockQuality) == [.startOfExposure, .startOfExposure, .endOfFrame, .arrival])
    for (index, frame) in frames.enumerated() {
      #expect(frame.source == "line")
      #expect(frame.image.bytes.count == 64 * 48 * 2)
      #expect(frame.image.bytes.allSatisfy { $0 == UInt8(index) })
      let age = frame.clockQuality == .arrival ? 0 : 5 * ScriptedVideo.millisecond
      #expect(frame.arrival.since(frame.exposure) == age)
      #expect(frame.exposureUTC.nanoseconds == frame.exposure.nanoseconds + 1_700_000_000_000_000_000)
    }
    #expect(frames[0].image.format == .yuyv && frames[0].image.bytesPerLine == 128)
    #expect(frames[0].flags == .afterOpen && frames[1].flags == [])
    #expect(watching.camera.counters.delivered == 4)
    watching.expectOrder()
  }

  /// The wall clock is set while the line runs: the exposure time follows, because the offset is read with each frame.
  @Test func followsTheWallClock() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good, .good])
    video.at(60) { $0.offsetToUTC += 3_600_000_000_000 }
    let frames = try Watching(video).outcomes(until: 500).frames
    let elapsed = frames[1].exposureUTC.nanoseconds - frames[0].exposureUTC.nanoseconds
    #expect(elapsed == 3_600_000_000_000 + 40 * ScriptedVideo.millisecond)
  }

  /// Newer kernels hand torn UVC frames to programs, marked with `V4L2_BUF_FLAG_ERROR`; some cameras send empty or short
  /// ones. None reaches the model, each is counted by name, and the buffers go back to the driver.
  @Test func rejectsBadFramesByName() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good, .torn, Shot(bytes: 0), Shot(bytes: 64 * 48 * 2 - 1), .good, .torn, .good])
    let watching = try Watching(video)
    #expect(
      watching.outcomes(until: 500).story == [
        "running", "#0", "!1 driver_error", "!2 empty", "!3 short", "#4", "!5 driver_error", "#6",
      ])
    #expect(watching.camera.counters.rejected == [.driverError: 2, .empty: 1, .short: 1])
    #expect(watching.camera.counters.captured == 7)
    watching.expectOrder()
  }

  /// What does not begin like a JPEG is none; what does is left to the decoder, even if it is only half there.
  @Test func checksCompressedFramesAsFarAsCheap() throws {
    var camera = ScriptedCamera()
    camera.formats = [.init(code: "MJPG", sizes: [(64, 48)])]
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([
      Shot(bytes: 900, beginning: [0xFF, 0xD8]), Shot(bytes: 900), Shot(bytes: 1, beginning: [0xFF]),
    ])
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 500)
    #expect(outcomes.story == ["running", "#0", "!1 not_a_picture", "!2 not_a_picture"])
    #expect(outcomes.frames[0].image.bytes.count == 900)
    #expect(outcomes.frames[0].image.format == .mjpeg)
    watching.expectOrder()
  }

  /// Gaps in the driver's numbers are frames it lost: counted apart, flagged on the next frame, even on a rejected one.
  @Test func countsWhatTheDriverLost() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([
      .good, Shot(lost: 3), .good, Shot(flags: V4L2_BUF_FLAG_ERROR, lost: 2), Shot(sequence: 0xFFFF_FFFF),
      .good,
    ])
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 500)
    #expect(outcomes.story == ["running", "#0", "#4", "#5", "!8 driver_error", "#9", "#10"])
    #expect(outcomes.frames.map { $0.flags.contains(.afterGap) } == [false, true, false, false, false])
    #expect(watching.camera.counters.dropped == 5)
    watching.expectOrder()
  }

  /// The capture thread comes late and three frames wait. Only the newest is wanted, and all three are accounted for; the
  /// driver, out of buffers, loses the rest.
  @Test func aLateThreadGetsTheFreshestFrame() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good])
    video.at(80) { for _ in 0..<3 { $0.shoot(.good, "/dev/video0") } }
    video.at(120) { for _ in 0..<6 { $0.shoot(.good, "/dev/video0") } }
    video.shoot([.good], from: 160)
    let watching = try Watching(video)
    #expect(watching.outcomes(until: 500).story == ["running", "#0", "#3", "#7", "#10"])
    let counters = watching.camera.counters
    #expect(counters.captured == 9 && counters.delivered == 4 && counters.superseded == 5)
    #expect(counters.dropped == 2)
    watching.expectOrder()
  }

  /// Nothing but torn frames: after ten the line is `corrupt`; one good frame and it runs again.
  @Test func manyBadFramesMakeALineCorrupt() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good] + Array(repeating: .torn, count: 12) + [.good])
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 1000)
    #expect(outcomes.statuses.map(\.state) == [.running, .corrupt, .running])
    #expect(outcomes.statuses[1].explanation.contains("10 frames in a row"))
    #expect(outcomes.story[11] == "!10 driver_error" && outcomes.story[12] == "corrupt: corrupt")
    watching.expectOrder()
  }

  /// A hundred bad frames in a row: perhaps a new start helps. The sequence goes on.
  @Test func hopelessStreamsAreStartedAnew() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot(Array(repeating: .torn, count: 105), every: 10)
    video.shoot([.good], from: 1500)
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 2000)
    #expect(outcomes.statuses.map(\.state) == [.corrupt, .corrupt, .running])
    #expect(watching.camera.counters.reopened == 1)
    #expect((outcomes.frames.first?.sequence ?? 0) >= 100)
    watching.expectOrder()
  }

  /// A triggered camera may be silent for hours.
  @Test func triggeredCamerasMayBeSilent() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good], from: 7_200_000)
    let watching = try Watching(video, CameraOptions(device: "/dev/video0", isTriggered: true))
    #expect(watching.outcomes(until: 9_000_000).story == ["running", "#0"])
    #expect(watching.camera.counters.reopened == 0)
    watching.expectOrder()
  }

  /// Interlaced pictures are whole, and say that they are interlaced.
  @Test func interlacedFramesSaySo() throws {
    var camera = ScriptedCamera()
    camera.field = V4L2_FIELD_INTERLACED.rawValue
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([.good])
    #expect(try Watching(video).outcomes(until: 100).frames.first?.flags == [.afterOpen, .interlaced])
  }
}
