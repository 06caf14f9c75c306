extension DeviceInfo {
  /// Every video node of this machine, in the order of their numbers. Cameras in use are asked too and not disturbed.
  public static func all() -> [DeviceInfo] { all(LinuxVideo()) }

  package static func all(_ system: any VideoSystemCalls, folder: String = "/dev") -> [DeviceInfo] {
    let byID = links(in: CameraLocator.byID, system)
    let byPath = links(in: CameraLocator.byPath, system)
    let numbers = system.entries(of: folder).compactMap { name in
      name.hasPrefix("video") ? Int(name.dropFirst(5)) : nil
    }
    return numbers.sorted().map { number in
      let node = "\(folder)/video\(number)"
      let target = system.resolve(node) ?? node
      return DeviceInfo(
        node: node, byID: byID[target, default: []], byPath: byPath[target, default: []], system)
    }
  }

  /// Link paths by the node they lead to.
  private static func links(in folder: String, _ system: any VideoSystemCalls) -> [String: [String]] {
    let paths = system.entries(of: folder).sorted().map { "\(folder)/\($0)" }
    return Dictionary(grouping: paths) { system.resolve($0) ?? $0 }
  }

  private init(node: String, byID: [String], byPath: [String], _ system: any VideoSystemCalls) {
    self.node = node
    self.byID = byID
    self.byPath = byPath
    do {
      let device = try VideoDevice(path: node, system: system)
      defer { device.close() }
      card = device.card
      driver = device.driver
      bus = device.bus
      var problem = device.unusable
      inputs = problem == nil ? device.inputs : []
      formats = problem == nil ? device.formats(withRates: true) : []
      controls = problem == nil ? device.controls() : []
      if problem == nil, !formats.contains(where: { $0.pixelFormat != nil }) {
        let codes = formats.map(\.code).joined(separator: ", ")
        problem = CaptureError(
          .formatUnavailable,
          "\(node) (\(card)) offers no format assayd can read: it offers \(codes.isEmpty ? "none" : codes).")
      }
      fault = problem?.fault
      explanation = problem?.message
    } catch {
      card = ""
      driver = ""
      bus = ""
      inputs = []
      formats = []
      controls = []
      fault = error.fault
      explanation = error.message
    }
  }
}
