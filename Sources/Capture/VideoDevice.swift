import CVideo4Linux
import Glibc
import Imaging

/// An open V4L2 device that can capture, and its questions. Exists only while the device is open; `close()` ends it.
struct VideoDevice {
  /// No device has as many of anything; a driver that never says "no more" must not hang us.
  static let enumerationLimit: UInt32 = 512

  let system: any VideoSystemCalls
  /// As it was asked for, perhaps a link of `/dev/v4l`.
  let path: String
  let descriptor: Int32
  let capability: v4l2_capability

  /// Opens whatever `path` is now and checks that it is a V4L2 device.
  init(path: String, system: any VideoSystemCalls) throws(CaptureError) {
    do {
      descriptor = try system.open(path)
    } catch {
      throw Self.explain(error, opening: path, system)
    }
    do {
      var capability = v4l2_capability()
      try system.control(descriptor, .queryCapability, &capability)
      self.capability = capability
    } catch {
      system.close(descriptor)
      guard error.code == ENOTTY || error.code == EINVAL else {
        throw CaptureError(Self.fault(of: error, otherwise: .streamError), "\(path): \(error).")
      }
      throw CaptureError(.notAVideoDevice, "\(path) is not a video device: \(error).")
    }
    self.system = system
    self.path = path
  }

  func close() { system.close(descriptor) }

  /// What this node, not the whole driver, can do.
  var capabilities: UInt32 {
    capability.capabilities & V4L2_CAP_DEVICE_CAPS != 0 ? capability.device_caps : capability.capabilities
  }

  var driver: String { string(capability.driver) }
  var card: String { string(capability.card) }
  var bus: String { string(capability.bus_info) }

  /// Why this node cannot be a camera for us, nil if it can.
  var unusable: CaptureError? {
    let can = capabilities
    func has(_ flag: Int32) -> Bool { can & UInt32(flag) != 0 }
    if has(V4L2_CAP_VIDEO_CAPTURE) {
      if has(V4L2_CAP_STREAMING) { return nil }
      return CaptureError(
        .noStreaming, "\(path) (\(card)) offers read() only; assayd needs streaming (mmap) buffers.")
    }
    if has(V4L2_CAP_VIDEO_CAPTURE_MPLANE) {
      return CaptureError(
        .multiPlanarOnly,
        "\(path) (\(card)) offers the multi-planar interface only, as camera pipelines of boards do; assayd reads "
          + "single-planar devices such as USB cameras and frame grabbers.")
    }
    let role =
      if has(V4L2_CAP_META_CAPTURE) {
        "is the metadata node of a camera: use the camera's other /dev/video node"
      } else if has(V4L2_CAP_VIDEO_M2M) || has(V4L2_CAP_VIDEO_M2M_MPLANE) {
        "is a codec or scaler (memory to memory)"
      } else if has(V4L2_CAP_VIDEO_OUTPUT) || has(V4L2_CAP_VIDEO_OUTPUT_MPLANE) || has(V4L2_CAP_META_OUTPUT) {
        "is an output: it shows pictures and takes none"
      } else {
        "captures no video (radio, teletext, touch or software radio)"
      }
    return CaptureError(.notACamera, "\(path) (\(card)) \(role).")
  }

  func ask<Argument>(
    _ request: VideoRequest<Argument>, _ argument: inout Argument
  ) throws(SystemCallError) { try system.control(descriptor, request, &argument) }

  /// Asks for item 0, 1, 2, ... until the driver says there are no more, by `EINVAL`, or that it cannot list, by
  /// `ENOTTY`; any other answer ends the list as well, since what asks next meets the error again.
  func list<Argument, Item>(
    _ request: VideoRequest<Argument>, _ prepare: (UInt32) -> Argument, _ read: (Argument) -> Item
  ) -> [Item] {
    var items: [Item] = []
    for index in 0..<Self.enumerationLimit {
      var argument = prepare(index)
      do { try ask(request, &argument) } catch { break }
      items.append(read(argument))
    }
    return items
  }
}

/// The text of a fixed-size C string; bytes that are no UTF-8 are replaced.
func string<Bytes>(_ bytes: Bytes) -> String {
  withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
