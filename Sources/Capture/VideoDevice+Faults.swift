import Glibc

extension VideoDevice {
  /// The fault that an errno names whatever was asked, or `step`'s own.
  static func fault(of error: SystemCallError, otherwise step: SourceFault) -> SourceFault {
    switch error.code {
    case ENODEV, ENXIO: .unplugged
    case EBUSY: .busy
    case ENOMEM, EMFILE, ENFILE: .outOfResources
    case EACCES, EPERM: .permissionDenied
    default: step
    }
  }

  /// Tells in words what a failed step means. A device that went away answers some requests with `EIO` or `EINVAL`, so
  /// it is asked once more whether it is still there.
  func explain(_ error: SystemCallError, _ step: SourceFault) -> CaptureError {
    var capability = capability
    var fault = Self.fault(of: error, otherwise: step)
    do {
      try ask(.queryCapability, &capability)
    } catch {
      if error.code == ENODEV || error.code == ENXIO { fault = .unplugged }
    }
    if fault == step && step == .streamRefused && error.code == ENOSPC { fault = .noBandwidth }
    let meaning =
      switch fault {
      case .unplugged: "the camera was unplugged"
      case .busy: "the camera is used by another program; stop that one, or find it with `fuser -v \(path)`"
      case .outOfResources: "memory or descriptors are used up"
      case .permissionDenied: "the driver does not allow it"
      case .noBandwidth:
        "the USB bus has no bandwidth left for this stream: choose a compressed format (MJPG), a smaller size or a "
          + "lower rate, or give the camera a USB controller of its own"
      case .noSignal, .inputUnavailable: "the input cannot be used"
      case .formatRefused: "the driver refuses the format"
      case .buffersRefused: "the driver gives no buffers"
      case .streamRefused: "the stream cannot be started"
      case .sourceChanged: "the input's picture size changed"
      default: "the stream broke off"
      }
    return CaptureError(fault, "\(path): \(meaning) (\(error)).")
  }

  /// Tells in words why a device cannot be opened.
  static func explain(
    _ error: SystemCallError, opening path: String, _ system: any VideoSystemCalls
  ) -> CaptureError {
    switch error.code {
    case ENOENT, ENOTDIR, ENXIO, ENODEV:
      return CaptureError(.noDevice, "\(path): no such camera is plugged in (\(error)).")
    case EACCES, EPERM:
      var advice = "run as a user who may"
      if let (group, mode) = system.access(of: path) {
        advice =
          mode & 0o060 == 0o060
          ? "it is open to the group \(group): add the service's user to it (usermod -aG \(group) USER, or "
            + "SupplementaryGroups=\(group) in the unit)"
          : "its mode is \(String(mode, radix: 8)) and its group \(group): a udev rule with GROUP=\"video\", "
            + "MODE=\"0660\" opens it to the group video"
      }
      return CaptureError(.permissionDenied, "\(path): permission denied; \(advice) (\(error)).")
    case EBUSY:
      return CaptureError(.busy, "\(path): the camera is used by another program (\(error)).")
    case EISDIR:
      return CaptureError(.notAVideoDevice, "\(path) is a folder, not a video device.")
    default:
      return CaptureError(
        fault(of: error, otherwise: .notAVideoDevice), "\(path) cannot be opened: \(error).")
    }
  }
}
