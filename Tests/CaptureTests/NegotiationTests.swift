import CVideo4Linux
import Capture
import Glibc
import Imaging
import Testing

/// What is asked for, what the camera offers, and what comes of it, in words.
@Suite struct NegotiationTests {
  /// A webcam as most are: small uncompressed pictures fast, large ones slowly, MJPEG always fast.
  private static let webcam: ScriptedCamera = {
    var camera = ScriptedCamera()
    camera.formats = [
      .init(code: "MJPG", sizes: [(64, 48), (192, 108)], rates: [30, 15]),
      .init(code: "YUYV", sizes: [(64, 48), (192, 108)], rates: [5]),
      .init(code: "H264", sizes: [(192, 108)], rates: [60]),
    ]
    return camera
  }()

  private func mode(_ camera: ScriptedCamera, _ options: CameraOptions) throws -> CameraMode? {
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([Shot(beginning: [0xFF, 0xD8])])
    let watching = try Watching(video, options)
    _ = watching.camera.next()
    let mode = watching.camera.stream?.mode
    _ = watching.outcomes(until: 100)
    watching.expectOrder()
    return mode
  }

  @Test(arguments: [
    // Nothing asked: the largest picture, at a usable rate, as fast as it goes.
    (CameraOptions(device: "/dev/video0"), "MJPG 192x108 at 30 frames a second"),
    // A slow rate is enough: then uncompressed.
    (CameraOptions(device: "/dev/video0", framesPerSecond: 4), "YUYV 192x108 at 5 frames a second"),
    (
      CameraOptions(device: "/dev/video0", width: 64, height: 48, framesPerSecond: 15),
      "MJPG 64x48 at 15 frames a second"
    ),
    (
      CameraOptions(device: "/dev/video0", format: .yuyv, width: 64, height: 48),
      "YUYV 64x48 at 5 frames a second"
    ),
    // The nearest of what there is.
    (
      CameraOptions(device: "/dev/video0", width: 190, height: 100, framesPerSecond: 20),
      "MJPG 192x108 at 15 frames a second"
    ),
    (CameraOptions(device: "/dev/video0", height: 50), "MJPG 64x48 at 30 frames a second"),
    // Nonsense does no harm.
    (CameraOptions(device: "/dev/video0", width: -5, height: .max, framesPerSecond: .nan), "MJPG"),
    (CameraOptions(device: "/dev/video0", width: .min, framesPerSecond: -1), "MJPG 64x48"),
    (CameraOptions(device: "/dev/video0", framesPerSecond: 1e300), "MJPG 192x108 at 30 frames a second"),
  ])
  func choosesTheNearestMode(options: CameraOptions, expected: String) throws {
    let mode = try #require(try mode(Self.webcam, options))
    let words =
      "\(mode.format.rawValue) \(mode.width)x\(mode.height) at \(Int(mode.framesPerSecond ?? 0)) frames a second"
    #expect(words.hasPrefix(expected), "\(words)")
  }

  /// Too many frames are better than too few: 30 frames a second are nearer to 15 than 5 are.
  @Test func ratesAreComparedInProportion() throws {
    var camera = ScriptedCamera()
    camera.formats[0].rates = [30, 5]
    #expect(try mode(camera, .init(device: "/dev/video0", framesPerSecond: 15))?.framesPerSecond == 30)
    #expect(try mode(camera, .init(device: "/dev/video0", framesPerSecond: 8))?.framesPerSecond == 5)
  }

  /// Whatever differs from the wish is said.
  @Test func saysWhatDiffers() throws {
    let options = CameraOptions(
      device: "/dev/video0", format: .mjpeg, width: 100, height: 80, framesPerSecond: 25)
    let mode = try #require(try mode(Self.webcam, options))
    #expect(
      mode.remarks == [
        "100x80 is not on offer; the nearest size is used.",
        "25 frames a second are not on offer; the camera runs at 30.",
      ])
  }

  /// Sizes given as a range, in steps of 8.
  @Test func keepsToTheStepsOfARange() throws {
    var camera = ScriptedCamera()
    camera.hasSizeRange = true
    camera.formats[0].sizes = [(640, 480)]
    for (wanted, given) in [((101, 60), (104, 64)), ((5, 9999), (16, 480)), ((640, 480), (640, 480))] {
      let options = CameraOptions(device: "/dev/video0", width: wanted.0, height: wanted.1)
      let mode = try #require(try mode(camera, options))
      #expect((mode.width, mode.height) == given)
    }
  }

  /// A driver that lists no sizes keeps the one it has; one that lets no rate be set says so.
  @Test func copesWithDriversThatTellLittle() throws {
    var camera = ScriptedCamera()
    camera.listsSizes = false
    camera.setsRate = false
    let mode = try #require(try mode(camera, CameraOptions(device: "/dev/video0", framesPerSecond: 10)))
    #expect(mode.width == 64 && mode.height == 48)
    #expect(mode.framesPerSecond == nil)
    #expect(mode.remarks == ["The driver lets no rate be set: 10 is ignored."])
  }

  /// Rows with padding keep their stride, and a frame must be as long as its rows.
  @Test func keepsTheStride() throws {
    var camera = ScriptedCamera()
    camera.padding = 32
    #expect(try mode(camera, CameraOptions(device: "/dev/video0"))?.bytesPerLine == 160)
  }

  /// The driver's word on colours counts, unless the configuration knows better.
  @Test func coloursCanBeOverridden() throws {
    var camera = ScriptedCamera()
    camera.colorspace = V4L2_COLORSPACE_REC709.rawValue
    let full = ColourEncoding(matrix: .bt601, range: .full)
    #expect(try mode(camera, .init(device: "/dev/video0"))?.colour == .init(matrix: .bt709, range: .limited))
    #expect(try mode(camera, .init(device: "/dev/video0", colour: full))?.colour == full)
  }

  /// What cannot be had is refused in a sentence that tells what there is.
  @Test func refusesWithTheList() throws {
    var strange = ScriptedCamera()
    strange.formats = [.init(code: "H264", sizes: [(64, 48)])]
    var fields = ScriptedCamera()
    fields.field = V4L2_FIELD_ALTERNATE.rawValue
    var silent = ScriptedCamera()
    silent.inputs = [("HDMI", UInt32(V4L2_IN_ST_NO_SIGNAL))]
    let cases: [(ScriptedCamera, CameraOptions, String, String)] = [
      (
        Self.webcam, .init(device: "/dev/video0", format: .grey), "faulted: format_unavailable",
        "does not offer the format GREY. It offers: MJPG, YUYV, H264."
      ),
      (
        strange, .init(device: "/dev/video0"), "faulted: format_unavailable",
        "it offers H264; readable are YUYV,"
      ),
      (fields, .init(device: "/dev/video0"), "faulted: separate_fields", "one by one"),
      (silent, .init(device: "/dev/video0"), "faulted: no_signal", "input 0 (HDMI) has no signal."),
      (
        Self.webcam, .init(device: "/dev/video0", input: 3), "faulted: input_unavailable",
        "input 3 cannot be selected; it has: 0 (Camera 1)"
      ),
    ]
    for (camera, options, story, words) in cases {
      let watching = try Watching(ScriptedVideo(["/dev/video0": camera]), options)
      let outcomes = watching.outcomes(until: 50)
      #expect(outcomes.story == [story])
      #expect(outcomes.statuses.first?.explanation.contains(words) == true, "\(outcomes.statuses)")
      watching.expectOrder()
    }
  }

  /// Nodes that are no camera for us say what they are.
  @Test(
    arguments: [
      (V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING, SourceFault.notACamera, "metadata node"),
      (V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING, .notACamera, "is an output"),
      (V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING, .notACamera, "codec"),
      (V4L2_CAP_RADIO, .notACamera, "captures no video"),
      (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE, .noStreaming, "read() only"),
      (V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING, .multiPlanarOnly, "multi-planar"),
    ] as [(Int32, SourceFault, String)])
  func nodesThatAreNoCameraSayWhatTheyAre(capabilities: Int32, fault: SourceFault, words: String) throws {
    let camera = ScriptedCamera(capabilities: UInt32(capabilities))
    let watching = try Watching(ScriptedVideo(["/dev/video0": camera]))
    let status = try #require(watching.outcomes(until: 50).statuses.first)
    #expect(status.fault == fault && status.state == .faulted)
    #expect(status.explanation.contains(words), "\(status.explanation)")
    watching.expectOrder()
  }
}
