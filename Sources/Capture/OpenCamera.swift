import CVideo4Linux
import Imaging

/// A camera while it streams: everything that must not outlive the open device.
struct OpenCamera {
  let device: VideoDevice
  let stream: CaptureStream
  let mode: CameraMode
  let settings: [ControlSetting]
  let openedAt: MonotonicInstant

  /// Opens, negotiates, sets the controls and starts the stream. On failure everything is closed again.
  init(_ options: CameraOptions, _ system: any VideoSystemCalls) throws(CaptureError) {
    let device = try VideoDevice(path: CameraLocator.path(of: options.device, system), system: system)
    do throws(CaptureError) {
      if let problem = device.unusable { throw problem }
      try device.selectInput(options.input)
      mode = try device.negotiate(options)
      _ = device.apply(options.controls)
      device.subscribeToSourceChanges()
      stream = try CaptureStream(device)
      // Some cameras fall back to their own exposure when the stream starts; what is said here is what holds.
      settings = device.apply(options.controls)
    } catch {
      device.close()
      throw error
    }
    self.device = device
    openedAt = system.now()
  }

  func close() {
    stream.close()
    device.close()
  }

  /// What is wrong with a buffer, nil if it can be used.
  func fault(of buffer: v4l2_buffer) -> FrameFault? {
    if buffer.flags & UInt32(V4L2_BUF_FLAG_ERROR) != 0 { return .driverError }
    if buffer.bytesused == 0 { return .empty }
    if Int(buffer.bytesused) < mode.requiredBytes { return .short }
    if mode.format.isCompressed && !stream.looksLikeJPEG(buffer) { return .notAPicture }
    return nil
  }

  func image(of buffer: v4l2_buffer) -> RawImage {
    RawImage(
      format: mode.format, width: mode.width, height: mode.height, bytesPerLine: mode.bytesPerLine,
      bytes: stream.bytes(of: buffer), colour: mode.colour)
  }

  /// Which camera it is and how it differs from what was asked for.
  var summary: String {
    ([
      "\(device.path) (\(device.card), \(device.driver), \(device.bus)) delivers \(mode.summary)."
    ] + mode.remarks + settings.compactMap(\.remark)).joined(separator: " ")
  }
}

extension VideoDevice {
  /// Few drivers have such events; for the others there is nothing to hear.
  func subscribeToSourceChanges() {
    var subscription = v4l2_event_subscription()
    subscription.type = UInt32(V4L2_EVENT_SOURCE_CHANGE)
    try? ask(.subscribeEvent, &subscription)
  }

  /// Reads waiting events away and tells whether the input's size or timing changed.
  func takeSourceChange() -> Bool {
    let events = list(.dequeueEvent) { _ in
      v4l2_event()
    } _: { event in
      event.type == UInt32(V4L2_EVENT_SOURCE_CHANGE)
        && event.u.src_change.changes & UInt32(V4L2_EVENT_SRC_CH_RESOLUTION) != 0
    }
    return events.contains(true)
  }
}
