import CVideo4Linux
import Capture
import Glibc
import Testing

/// Everything that can go wrong with a camera, one by one: each has its name, is reported once, is explained in words,
/// leaves nothing open, and the camera is opened anew until it works.
@Suite struct FaultTests {
  /// A step of the opening fails once; the second attempt succeeds.
  @Test(
    arguments: [
      ("open", EACCES, "faulted: permission_denied", "usermod -aG video"),
      ("open", EBUSY, "faulted: busy", "another program"),
      ("open", EMFILE, "faulted: out_of_resources", "cannot be opened"),
      ("VIDIOC_QUERYCAP", ENOTTY, "faulted: not_a_video_device", "is not a video device"),
      ("VIDIOC_S_FMT", EBUSY, "faulted: busy", "used by another program"),
      ("VIDIOC_S_FMT", EINVAL, "faulted: format_refused", "refuses the format"),
      ("VIDIOC_REQBUFS", EINVAL, "faulted: buffers_refused", "VIDIOC_REQBUFS"),
      ("VIDIOC_REQBUFS", EBUSY, "faulted: busy", "used by another program"),
      ("VIDIOC_REQBUFS", ENOMEM, "faulted: out_of_resources", "used up"),
      ("VIDIOC_QUERYBUF", EINVAL, "faulted: buffers_refused", "VIDIOC_QUERYBUF"),
      ("mmap", ENOMEM, "faulted: out_of_resources", "mmap"),
      ("VIDIOC_QBUF", EINVAL, "faulted: buffers_refused", "VIDIOC_QBUF"),
      // The kernel says "No space left on device" and means the USB bus.
      ("VIDIOC_STREAMON", ENOSPC, "faulted: no_bandwidth", "USB bus has no bandwidth"),
      ("VIDIOC_STREAMON", EBUSY, "faulted: busy", "used by another program"),
      ("VIDIOC_STREAMON", EINVAL, "faulted: stream_refused", "VIDIOC_STREAMON"),
      ("VIDIOC_STREAMON", EIO, "faulted: stream_refused", "Input/output error"),
      ("VIDIOC_STREAMON", ENODEV, "no_device: unplugged", "unplugged"),
    ] as [(String, Int32, String, String)])
  func aFailedOpeningIsNamedAndTriedAgain(request: String, code: Int32, story: String, words: String) throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.fail(request, code)
    video.shoot([.good, .good], from: 1000)
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 1500)
    #expect(outcomes.story == [story, "running", "#0", "#1"])
    #expect(outcomes.statuses[0].explanation.contains(words), "\(outcomes.statuses[0].explanation)")
    #expect(watching.camera.counters.reopened == 1)
    watching.expectOrder()
  }

  /// The stream breaks while it runs. What was already captured is delivered first.
  @Test(
    arguments: [
      ("VIDIOC_DQBUF", EIO, "faulted: stream_error"),
      ("VIDIOC_DQBUF", EINVAL, "faulted: stream_error"),
      ("VIDIOC_DQBUF", ENODEV, "no_device: unplugged"),
      ("VIDIOC_QBUF", EINVAL, "faulted: stream_error"),
    ] as [(String, Int32, String)])
  func aBrokenStreamIsStartedAnew(request: String, code: Int32, story: String) throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good, .good])
    // Two frames wait when the third request of the round fails.
    video.at(120) { machine in
      machine.shoot(.good, "/dev/video0")
      machine.failures[request] = request == "VIDIOC_DQBUF" ? [0, code] : [code]
    }
    video.shoot([.good], from: 1000)
    let watching = try Watching(video)
    #expect(watching.outcomes(until: 1500).story == ["running", "#0", "#1", "#2", story, "running", "#3"])
    watching.expectOrder()
  }

  /// `poll` reports an error and dequeuing fails with `EIO`, for ever: the queue is broken.
  @Test func aFatalQueueErrorIsAStreamError() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good])
    video.at(100) { $0.breakStream("/dev/video0") }
    video.shoot([.good], from: 1000)
    let watching = try Watching(video)
    #expect(
      watching.outcomes(until: 1500).story == ["running", "#0", "faulted: stream_error", "running", "#1"])
    watching.expectOrder()
  }

  /// `poll` reports an error and no request has any complaint: without care, an endless loop at full speed.
  @Test func aPollErrorWithoutAReasonDoesNotSpin() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good])
    video.at(100) { machine in
      machine.breakStream("/dev/video0")
      machine.failures["VIDIOC_DQBUF"] = [EAGAIN]
    }
    video.shoot([.good], from: 1000)
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 1500)
    #expect(outcomes.story == ["running", "#0", "faulted: stream_error", "running", "#1"])
    #expect(video.log.count { $0 == "VIDIOC_DQBUF" } < 10)
    watching.expectOrder()
  }

  /// The camera stays plugged in and goes silent. At 30 frames a second two seconds are enough to know.
  @Test func aSilentCameraIsStalledAndOpenedAnew() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.shoot([.good, .good])
    video.shoot([.good], from: 5000)
    let watching = try Watching(video)
    let outcomes = watching.outcomes(until: 6000)
    #expect(outcomes.story == ["running", "#0", "#1", "stalled: stalled", "running", "#2"])
    #expect(outcomes.statuses[1].explanation == "/dev/video0: no frame for 2 s at 30 frames a second.")
    watching.expectOrder()
  }

  /// A camera that opens and never sends anything is stalled after six seconds, and stays so: one status, many attempts.
  @Test func aCameraThatNeverSendsIsReportedOnce() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    let watching = try Watching(video)
    #expect(watching.outcomes(until: 60_000).story == ["stalled: stalled"])
    #expect(watching.camera.counters.reopened >= 6)
    watching.expectOrder()
  }

  /// At a slow rate silence is normal for longer: ten periods.
  @Test func slowCamerasStallLater() throws {
    var camera = ScriptedCamera()
    camera.formats[0].rates = [1]
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([.good, .good], every: 9000)
    let watching = try Watching(video)
    #expect(watching.outcomes(until: 19_000).story == ["running", "#0", "#1"])
    watching.expectOrder()
  }

  /// The picture size of a frame grabber's input changes: everything is negotiated anew.
  @Test func aChangedInputIsNegotiatedAnew() throws {
    var camera = ScriptedCamera()
    camera.sendsEvents = true
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([.good])
    video.at(100) { $0.changeSource("/dev/video0") }
    video.shoot([.good], from: 1000)
    let watching = try Watching(video)
    #expect(
      watching.outcomes(until: 1500).story == ["running", "#0", "faulted: source_changed", "running", "#1"])
    watching.expectOrder()
  }

  /// No camera for a minute. One status; the waits grow to two seconds and no further; a plugged camera is found.
  @Test func waitsBetweenAttemptsGrowToALimit() throws {
    let video = ScriptedVideo()
    video.at(60_000) { $0.cameras["/dev/video0"] = ScriptedCamera() }
    video.shoot([.good], from: 63_000)
    let watching = try Watching(video)
    #expect(watching.outcomes(until: 63_500).story == ["no_device: no_device", "running", "#0"])
    // 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s, then every 2 s.
    #expect(25...40 ~= video.log.count { $0.hasPrefix("open") })
    watching.expectOrder()
  }

  /// After a long absence the camera works; the next fault is answered as quickly as the first.
  @Test func waitsStartSmallAgainAfterAGoodFrame() throws {
    let video = ScriptedVideo()
    video.at(60_000) { $0.cameras["/dev/video0"] = ScriptedCamera() }
    video.shoot([.good], from: 63_000)
    video.at(63_100) { $0.breakStream("/dev/video0") }
    video.shoot([.good], from: 63_300)
    let watching = try Watching(video)
    #expect(watching.outcomes(until: 63_500).frames.count == 2)
    watching.expectOrder()
  }

  /// With the least luck in the draw the waits are half as long: between the two lies the jitter.
  @Test func jitterSpreadsTheAttempts() throws {
    func attempts(_ random: Double) throws -> Int {
      let video = ScriptedVideo()
      let camera = try V4L2Camera(name: "line", options: .init(device: "/dev/video9"), system: video) {
        random
      }
      video.at(60_000) { _ in camera.stop() }
      while true { if case .end = camera.next() { break } }
      return video.log.count { $0.hasPrefix("open") }
    }
    let (rare, often) = (try attempts(1), try attempts(0))
    #expect(Double(often) > 1.8 * Double(rare) && Double(often) < 2.2 * Double(rare))
  }
}
