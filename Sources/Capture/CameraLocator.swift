/// Finds the node of a camera by what it is called, anew at every opening, because numbers change when cables move.
enum CameraLocator {
  static let byID = "/dev/v4l/by-id"
  static let byPath = "/dev/v4l/by-path"

  /// - Returns: a path to open. The kernel follows a link of `/dev/v4l` at that moment, so it is not resolved here.
  static func path(of device: String, _ system: any VideoSystemCalls) throws(CaptureError) -> String {
    if device.contains("/") { return device }
    let names = system.entries(of: byID)
    for name in [device, device + "-video-index0"] where names.contains(name) { return "\(byID)/\(name)" }
    let list = names.isEmpty ? "it is empty" : "it has: " + names.sorted().joined(separator: ", ")
    throw CaptureError(.noDevice, "No camera is called \(device) in \(byID); \(list).")
  }
}
