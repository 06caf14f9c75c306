import CVideo4Linux
import Capture
import Foundation
import Glibc
import Imaging
import TestSupport
import Testing

/// What `assayctl devices` knows: every node, what it offers, and why it cannot be used.
@Suite struct DeviceInfoTests {
  @Test func listsEveryNodeInOrder() throws {
    var camera = ScriptedCamera(card: "Acme")
    camera.formats = [
      .init(code: "MJPG", sizes: [(64, 48), (192, 108)], rates: [30, 15]), .init(code: "H264", sizes: []),
    ]
    camera.controls = [
      .init(
        id: V4L2_CID_EXPOSURE_AUTO, title: "Auto Exposure", type: V4L2_CTRL_TYPE_MENU, maximum: 3, value: 3,
        menu: [3: "Auto"])
    ]
    var codec = ScriptedCamera(card: "Codec only")
    codec.formats = [.init(code: "H264", sizes: [(64, 48)])]
    let video = ScriptedVideo([
      "/dev/video0": camera,
      "/dev/video1": ScriptedCamera(card: "Acme", capabilities: UInt32(V4L2_CAP_META_CAPTURE)),
      "/dev/video10": codec,
      "/dev/video2": ScriptedCamera(card: "Second"),
    ])
    video.link("/dev/v4l/by-id/usb-Acme-video-index0", to: "/dev/video0")
    video.link("/dev/v4l/by-path/pci-usb-1-video-index0", to: "/dev/video0")

    let devices = DeviceInfo.all(video)
    #expect(devices.map(\.node) == ["/dev/video0", "/dev/video1", "/dev/video2", "/dev/video10"])
    #expect(devices.map(\.fault) == [nil, .notACamera, nil, .formatUnavailable])
    #expect(devices[1].explanation?.contains("metadata node") == true)
    #expect(devices[3].explanation?.contains("it offers H264") == true)
    #expect(devices.map(\.stableName)[0...1] == ["/dev/v4l/by-id/usb-Acme-video-index0", "/dev/video1"])
    #expect(devices[0].byPath == ["/dev/v4l/by-path/pci-usb-1-video-index0"])
    #expect(devices[0].formats.map(\.code) == ["MJPG", "H264"])
    #expect(devices[0].formats.map(\.pixelFormat) == [.mjpeg, nil])
    #expect(devices[0].formats[0].sizes.map(\.maximum.description) == ["64x48", "192x108"])
    #expect(devices[0].formats[0].sizes[0].rates.map(\.shortest.rate) == [30, 15])
    #expect(devices[0].controls.map(\.name) == ["auto_exposure"])
    #expect(devices[0].controls[0].value == 3 && devices[0].controls[0].menu.map(\.name) == ["Auto"])
    #expect(video.isClean && video.violations == [])
  }

  /// The form `--json` prints can be read back whole.
  @Test func survivesJSON() throws {
    let devices = DeviceInfo.all(ScriptedVideo(["/dev/video0": ScriptedCamera()]))
    let text = try JSONEncoder().encode(devices)
    #expect(try JSONDecoder().decode([DeviceInfo].self, from: text) == devices)
  }

  /// A node this user may not open is listed, with the group to join.
  @Test func permissionDeniedNamesTheGroup() throws {
    let video = ScriptedVideo(["/dev/video0": ScriptedCamera()])
    video.fail("open", EACCES)
    let device = try #require(DeviceInfo.all(video).first)
    #expect(device.fault == .permissionDenied)
    #expect(device.explanation?.contains("usermod -aG video") == true)
  }

  /// Drivers that never say "no more", or whose control numbers stand still, do not hang the listing.
  @Test func endlessListsEnd() throws {
    var camera = ScriptedCamera()
    camera.formats = (0..<2000).map { _ in .init(code: "YUYV", sizes: [], rates: []) }
    let device = try #require(DeviceInfo.all(ScriptedVideo(["/dev/video0": camera])).first)
    #expect(device.formats.count == 512)
  }

  /// Fault names are an interface: they appear on MQTT, in metrics and in JSON.
  @Test func faultNamesAreStable() {
    #expect(
      FrameFault.allCases.map(\.rawValue) == [
        "driver_error", "empty", "short", "not_a_picture", "unreadable",
      ])
    #expect(
      SourceFault.allCases.map(\.rawValue) == [
        "no_device", "unplugged", "permission_denied", "busy", "out_of_resources", "not_a_video_device",
        "not_a_camera", "multi_planar_only", "no_streaming", "input_unavailable", "no_signal",
        "format_unavailable",
        "format_refused", "separate_fields", "buffers_refused", "no_bandwidth", "stream_refused",
        "stream_error",
        "source_changed", "stalled", "corrupt", "folder_missing", "folder_empty", "listing_invalid",
      ])
    #expect(
      SourceStatus.State.allCases.map(\.rawValue) == [
        "running", "no_device", "stalled", "corrupt", "faulted",
      ])
  }

  /// The real system calls, on what every machine has: things that are no camera.
  @Test func realFilesThatAreNoCameras() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("video0").path, withDestinationPath: "/dev/null")
    try Data("text".utf8).write(to: folder.file("video1"))
    try FileManager.default.createDirectory(at: folder.file("video2"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("video3").path, withDestinationPath: "/dev/not-there")
    try Data().write(to: folder.file("videotape"))

    let devices = DeviceInfo.all(LinuxVideo(), folder: folder.url.path)
    #expect(
      devices.map { URL(filePath: $0.node).lastPathComponent } == ["video0", "video1", "video2", "video3"])
    #expect(devices.map(\.fault) == [.notAVideoDevice, .notAVideoDevice, .notAVideoDevice, .noDevice])
    #expect(devices[0].explanation?.contains("is not a video device: VIDIOC_QUERYCAP") == true)
    #expect(devices[0].explanation?.contains("Inappropriate ioctl for device") == true)
  }
}
