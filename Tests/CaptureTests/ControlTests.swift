import CVideo4Linux
import Capture
import Testing

/// Exposure, gain and the like: set as asked for, or as near as can be, read back, and never silently different.
@Suite struct ControlTests {
  private static let camera: ScriptedCamera = {
    var camera = ScriptedCamera()
    camera.controls = [
      .init(id: V4L2_CID_GAIN, title: "Gain", maximum: 100, step: 8),
      .init(
        id: V4L2_CID_AUTO_WHITE_BALANCE, title: "White Balance, Automatic", type: V4L2_CTRL_TYPE_BOOLEAN,
        maximum: 1),
      .init(
        id: V4L2_CID_DO_WHITE_BALANCE, title: "Do White Balance", type: V4L2_CTRL_TYPE_BUTTON, maximum: 0),
      .init(
        id: V4L2_CID_PRIVACY, title: "Privacy", type: V4L2_CTRL_TYPE_BOOLEAN, maximum: 1,
        flags: V4L2_CTRL_FLAG_READ_ONLY),
      .init(
        id: V4L2_CID_EXPOSURE_AUTO, title: "Auto Exposure", type: V4L2_CTRL_TYPE_MENU, maximum: 3, value: 3,
        menu: [1: "Manual Mode", 3: "Aperture Priority Mode"]),
      .init(
        id: V4L2_CID_EXPOSURE_ABSOLUTE, title: "Exposure Time, Absolute", minimum: 3, maximum: 2047,
        value: 250,
        ruledBy: (V4L2_CID_EXPOSURE_AUTO, 1)),
    ]
    return camera
  }()

  private func settings(
    _ controls: [String: Int], _ camera: ScriptedCamera = Self.camera
  ) throws -> [ControlSetting] {
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([.good])
    let watching = try Watching(video, CameraOptions(device: "/dev/video0", controls: controls))
    let status = watching.camera.next()
    let settings = try #require(watching.camera.stream?.controls)
    // What differs is part of the running line's explanation.
    for remark in settings.compactMap(\.remark) {
      #expect([status].statuses.first?.explanation.contains(remark) == true)
    }
    _ = watching.outcomes(until: 100)
    watching.expectOrder()
    return settings
  }

  /// The exposure time can be set only in manual mode, whichever of the two is named first; old kernels' names do too.
  @Test(arguments: [
    ["auto_exposure": 1, "exposure_time_absolute": 100],
    ["exposure_auto": 1, "exposure_absolute": 100],
    ["0x009a0901": 1, "0x009a0902": 100],
  ])
  func exposureIsSetAfterManualMode(controls: [String: Int]) throws {
    for forgets in [false, true] {
      var camera = Self.camera
      camera.forgetsControls = forgets
      let settings = try settings(controls, camera)
      #expect(Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.actual) }) == controls)
      #expect(settings.allSatisfy { $0.remark == nil })
    }
  }

  /// Some controls can be set only before the stream starts, others hold only when set after: each is set in time.
  @Test func controlsLockedByTheStreamAreSetBefore() throws {
    var camera = Self.camera
    camera.controls[0].isLockedByStream = true
    let settings = try settings(["gain": 16], camera)
    #expect(settings.map(\.actual) == [16])
    #expect(settings.map(\.remark) == [nil])
  }

  /// The camera forgets, and the driver does not know.
  @Test func aDriversMemoryIsNotTrusted() throws {
    var camera = Self.camera
    camera.controls = [.init(id: V4L2_CID_GAIN, title: "Gain")]
    camera.forgetsControls = true
    camera.answersFromMemory = true
    let video = ScriptedVideo(["/dev/video0": camera])
    video.shoot([.good])
    let watching = try Watching(video, CameraOptions(device: "/dev/video0", controls: ["gain": 16]))
    _ = watching.camera.next()
    #expect(video.controls() == [16])
    _ = watching.outcomes(until: 100)
    watching.expectOrder()
  }

  /// A control that takes every value and keeps its own is found out.
  @Test func controlsThatDoNotObeyAreReported() throws {
    var camera = Self.camera
    camera.controls[0].staysAt = 8
    let settings = try settings(["gain": 16], camera)
    #expect(settings.map(\.actual) == [8])
    #expect(settings.map(\.remark) == ["gain was set to 16 and reads 8."])
  }

  @Test(
    arguments: [
      ("gain", 33, 32, "gain takes 0 to 100 in steps of 8; 33 became 32."),
      ("gain", 1000, 96, "gain takes 0 to 100 in steps of 8; 1000 became 96."),
      ("gain", -7, 0, "gain takes 0 to 100 in steps of 8; -7 became 0."),
      ("white_balance_automatic", 1, 1, nil),
      (
        "auto_exposure", 2, nil,
        "auto_exposure cannot be 2; the choices are 1 (Manual Mode), 3 (Aperture Priority Mode)."
      ),
      ("privacy", 1, nil, "privacy is read-only."),
      ("do_white_balance", 1, nil, "do_white_balance is a button, not a setting."),
      (
        "exposure_time_absolute", 100, nil,
        "exposure_time_absolute is ruled by another control, such as its automatic mode"
      ),
      ("gian", 3, nil, "gian is not a control of this camera. It has: "),
    ] as [(String, Int, Int?, String?)])
  func settingsAreReadBack(name: String, wanted: Int, actual: Int?, remark: String?) throws {
    let setting = try #require(try settings([name: wanted]).first)
    #expect(setting.requested == wanted)
    #expect(setting.actual == actual)
    if let remark {
      #expect(setting.remark?.hasPrefix(remark) == true, "\(setting)")
    } else {
      #expect(setting.remark == nil)
    }
  }

  /// Controls change between two frames, without closing anything, and hold at the next opening.
  @Test func controlsAreAdjustedWhileFramesCome() throws {
    let video = ScriptedVideo(["/dev/video0": Self.camera])
    video.shoot(Array(repeating: .good, count: 6))
    let watching = try Watching(video, CameraOptions(device: "/dev/video0", controls: ["gain": 16]))
    #expect(watching.camera.refusals(of: ["gian": 3]) == [], "of a camera that is not open nothing is known")
    var first: [FrameOutcome] = []
    while first.frames.count < 2 { first.append(watching.camera.next()) }
    #expect(watching.camera.stream?.controls.map(\.actual) == [16])

    let refusals = watching.camera.refusals(of: ["gian": 3, "gain": 1000, "privacy": 1])
    #expect(
      refusals.map { $0.prefix { $0 != "." } } == [
        "gian is not a control of this camera", "privacy is read-only",
      ])
    #expect(watching.camera.stream?.controls.map(\.actual) == [16])
    watching.camera.adjust(controls: ["gain": 40])
    #expect(watching.camera.stream?.controls.map(\.actual) == [40])
    let rest = watching.outcomes(until: 1000)
    #expect((first + rest).frames.map(\.sequence) == Array(0..<6))
    #expect((first + rest).statuses.count == 1)
    watching.expectOrder()
  }
}
