import CVideo4Linux
import Glibc

extension VideoDevice {
  /// All controls whose value is an integer.
  func controls() -> [VideoControl] {
    var found: [VideoControl] = []
    var id: UInt32 = 0
    while found.count < Self.enumerationLimit {
      var query = v4l2_queryctrl()
      query.id = id | V4L2_CTRL_FLAG_NEXT_CTRL
      do { try ask(.queryControl, &query) } catch { break }
      // A driver that does not move on would keep us here for ever.
      guard query.id > id else { break }
      id = query.id
      if let control = describe(query) { found.append(control) }
    }
    return found
  }

  private func describe(_ query: v4l2_queryctrl) -> VideoControl? {
    func has(_ flag: Int32) -> Bool { query.flags & UInt32(flag) != 0 }
    guard !has(V4L2_CTRL_FLAG_DISABLED), let kind = VideoControl.Kind(query.type) else { return nil }
    let title = string(query.name)
    return VideoControl(
      id: query.id, name: controlName(title), title: title, kind: kind, minimum: Int(query.minimum),
      maximum: Int(query.maximum), step: Int(query.step), defaultValue: Int(query.default_value),
      value: kind == .button || has(V4L2_CTRL_FLAG_WRITE_ONLY) ? nil : try? value(of: query.id),
      isReadOnly: has(V4L2_CTRL_FLAG_READ_ONLY), isInactive: has(V4L2_CTRL_FLAG_INACTIVE),
      isGrabbed: has(V4L2_CTRL_FLAG_GRABBED), menu: menu(of: query, kind))
  }

  /// Indices a camera leaves out are answered with an error and are no choice.
  private func menu(of query: v4l2_queryctrl, _ kind: VideoControl.Kind) -> [VideoControl.MenuItem] {
    guard kind == .menu || kind == .integerMenu, query.minimum <= query.maximum else { return [] }
    return (query.minimum...query.maximum).prefix(Int(Self.enumerationLimit)).compactMap { index in
      var item = v4l2_querymenu()
      item.id = query.id
      item.index = UInt32(bitPattern: index)
      do { try ask(.queryMenu, &item) } catch { return nil }
      return VideoControl.MenuItem(
        value: Int(index), name: kind == .menu ? string(item.name) : String(item.value))
    }
  }

  /// Sets what is wanted as far as the camera lets, and reads it back.
  ///
  /// Some controls can be set only after others (the exposure time after manual exposure), so controls that are inactive
  /// wait until another one has changed.
  func apply(_ wanted: [String: Int]) -> [ControlSetting] {
    if wanted.isEmpty { return [] }
    var settled: [ControlSetting] = []
    var waiting = wanted.sorted { $0.key < $1.key }
    while !waiting.isEmpty {
      let offered = controls()
      let ready = waiting.filter { find($0.key, offered).map { !$0.isInactive && !$0.isGrabbed } ?? true }
      // When only inactive ones are left: most drivers keep the value for later, and the answer tells either way.
      let now = ready.isEmpty ? waiting : ready
      settled += now.map { name, value in set(name, to: value, offered) }
      waiting.removeAll { item in now.contains { $0.key == item.key } }
    }
    // Read back at the end: setting one may have moved another.
    let offered = controls()
    return settled.map { readBack($0, offered) }.sorted { $0.name < $1.name }
  }

  /// What of it this camera would never take, a sentence each; changes nothing.
  func refusals(of wanted: [String: Int]) -> [String] {
    let offered = controls()
    return wanted.sorted { $0.key < $1.key }.compactMap { name, value in
      refusal(of: name, value, offered).map { "\(name) \($0)" }
    }
  }

  /// Why a control cannot have a value whatever the others are; nil where it can, or comes near enough.
  private func refusal(of name: String, _ wanted: Int, _ offered: [VideoControl]) -> String? {
    guard let control = find(name, offered) else {
      let names = offered.map(\.name).joined(separator: ", ")
      return "is not a control of this camera. It has: \(names.isEmpty ? "none" : names)."
    }
    if control.isReadOnly { return "is read-only." }
    switch control.kind {
    case .button: return "is a button, not a setting."
    case .menu, .integerMenu:
      if control.menu.contains(where: { $0.value == wanted }) { return nil }
      let choices = control.menu.map { "\($0.value) (\($0.name))" }.joined(separator: ", ")
      return "cannot be \(wanted); the choices are \(choices)."
    case .integer, .boolean, .bitmask: return nil
    }
  }

  private func set(_ name: String, to wanted: Int, _ offered: [VideoControl]) -> ControlSetting {
    func refuse(_ reason: String) -> ControlSetting {
      ControlSetting(name: name, requested: wanted, actual: nil, remark: "\(name) \(reason)")
    }
    if let reason = refusal(of: name, wanted, offered) { return refuse(reason) }
    guard let control = find(name, offered) else { return refuse("is not a control of this camera.") }
    var value = wanted
    if control.kind == .integer || control.kind == .boolean {
      value = nearestAllowed(wanted, control.minimum, control.maximum, control.step)
    }
    do {
      // Also what seems to hold already: `uvcvideo` answers from what it remembers, and some cameras go back to their own
      // exposure when the stream starts.
      try setValue(of: control.id, to: Int32(truncatingIfNeeded: value))
    } catch  where control.value == value && !control.isInactive {
      // Locked while the stream runs, and as it should be.
    } catch {
      let reason =
        control.isInactive
        ? "is ruled by another control, such as its automatic mode"
        : control.isGrabbed ? "cannot be changed now" : "was not accepted"
      return refuse("\(reason) (\(error)).")
    }
    guard value != wanted else {
      return ControlSetting(name: name, requested: wanted, actual: value, remark: nil)
    }
    return ControlSetting(
      name: name, requested: wanted, actual: value,
      remark: "\(name) takes \(control.minimum) to \(control.maximum)"
        + (control.step > 1 ? " in steps of \(control.step)" : "") + "; \(wanted) became \(value).")
  }

  private func readBack(_ setting: ControlSetting, _ offered: [VideoControl]) -> ControlSetting {
    guard setting.actual != nil, let control = find(setting.name, offered), let value = control.value,
      value != setting.actual
    else { return setting }
    let reason = control.isInactive ? "; another control rules it" : ""
    return ControlSetting(
      name: setting.name, requested: setting.requested, actual: value,
      remark: value == setting.requested
        ? nil : "\(setting.name) was set to \(setting.requested) and reads \(value)\(reason).")
  }

  /// By name, by the name other kernels use, or by number (`0x009a0902`).
  private func find(_ name: String, _ offered: [VideoControl]) -> VideoControl? {
    if let exact = offered.first(where: { $0.name == name }) { return exact }
    let digits = name.hasPrefix("0x") ? UInt32(name.dropFirst(2), radix: 16) : nil
    guard let id = digits ?? commonControls[name] else { return nil }
    return offered.first { $0.id == id }
  }
}

extension VideoControl.Kind {
  /// From a `v4l2_ctrl_type`; nil for types that are not one 32-bit integer.
  fileprivate init?(_ type: UInt32) {
    switch type {
    case V4L2_CTRL_TYPE_INTEGER.rawValue: self = .integer
    case V4L2_CTRL_TYPE_BOOLEAN.rawValue: self = .boolean
    case V4L2_CTRL_TYPE_MENU.rawValue: self = .menu
    case V4L2_CTRL_TYPE_BUTTON.rawValue: self = .button
    case V4L2_CTRL_TYPE_BITMASK.rawValue: self = .bitmask
    case V4L2_CTRL_TYPE_INTEGER_MENU.rawValue: self = .integerMenu
    default: return nil
    }
  }
}

/// The spelling of `v4l2-ctl`: runs of anything but letters and digits become one `_`.
func controlName(_ title: String) -> String {
  title.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "_")
}

/// Names of controls an inspection line sets, as kernels before and after 5.19 spell them.
private let commonControls: [String: UInt32] = [
  "auto_exposure": UInt32(V4L2_CID_EXPOSURE_AUTO),
  "exposure_auto": UInt32(V4L2_CID_EXPOSURE_AUTO),
  "exposure_time_absolute": UInt32(V4L2_CID_EXPOSURE_ABSOLUTE),
  "exposure_absolute": UInt32(V4L2_CID_EXPOSURE_ABSOLUTE),
  "exposure_dynamic_framerate": UInt32(V4L2_CID_EXPOSURE_AUTO_PRIORITY),
  "exposure_auto_priority": UInt32(V4L2_CID_EXPOSURE_AUTO_PRIORITY),
  "white_balance_automatic": UInt32(V4L2_CID_AUTO_WHITE_BALANCE),
  "white_balance_temperature_auto": UInt32(V4L2_CID_AUTO_WHITE_BALANCE),
  "focus_automatic_continuous": UInt32(V4L2_CID_FOCUS_AUTO),
  "focus_auto": UInt32(V4L2_CID_FOCUS_AUTO),
  "gain_automatic": UInt32(V4L2_CID_AUTOGAIN),
  "gain_auto": UInt32(V4L2_CID_AUTOGAIN),
]
