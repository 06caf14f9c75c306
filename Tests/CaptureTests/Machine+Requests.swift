import CVideo4Linux
import Glibc

/// The scripted machine's ioctls, as the V4L2 documentation describes them.
extension Machine {
  /// - Returns: 0 or an errno.
  mutating func answer(_ descriptor: Int32, _ request: String, _ argument: UnsafeMutableRawPointer) -> Int32 {
    log.append(request)
    guard let file = files[descriptor] else {
      violations.append("\(request) on a descriptor that is not open")
      return EBADF
    }
    if let code = takeFailure(request) { return code }
    guard file.isPresent, var camera = cameras[file.path] else { return ENODEV }
    defer { if cameras[file.path] != nil { cameras[file.path] = camera } }
    switch request {
    case "VIDIOC_QUERYCAP":
      let capability = argument.assumingMemoryBound(to: v4l2_capability.self)
      write("scripted", to: &capability.pointee.driver)
      write(camera.card, to: &capability.pointee.card)
      write("usb-0000:00:14.0-1", to: &capability.pointee.bus_info)
      // The driver as a whole can do everything: only `device_caps` tells about the node.
      capability.pointee.capabilities = 0x05FF_FFFF | V4L2_CAP_DEVICE_CAPS
      capability.pointee.device_caps = camera.capabilities
    case "VIDIOC_ENUMINPUT", "VIDIOC_G_INPUT", "VIDIOC_S_INPUT":
      return inputs(request, argument, camera)
    case "VIDIOC_ENUM_FMT", "VIDIOC_ENUM_FRAMESIZES", "VIDIOC_ENUM_FRAMEINTERVALS":
      return modes(request, argument, camera)
    case "VIDIOC_G_FMT", "VIDIOC_S_FMT":
      if request == "VIDIOC_S_FMT" && !file.buffers.isEmpty { return EBUSY }
      return format(request, argument.assumingMemoryBound(to: v4l2_format.self), &camera)
    case "VIDIOC_G_PARM", "VIDIOC_S_PARM":
      let parameters = argument.assumingMemoryBound(to: v4l2_streamparm.self)
      if !camera.setsRate { return ENOTTY }
      let wanted = parameters.pointee.parm.capture.timeperframe
      let rates = camera.formats.first { $0.code == camera.current.code }?.rates ?? []
      if request == "VIDIOC_S_PARM", wanted.numerator > 0 {
        let rate = Double(wanted.denominator) / Double(wanted.numerator)
        camera.current.rate = rates.min { abs(Double($0) - rate) < abs(Double($1) - rate) } ?? 30
      }
      parameters.pointee.parm.capture.capability = UInt32(V4L2_CAP_TIMEPERFRAME)
      parameters.pointee.parm.capture.timeperframe = v4l2_fract(
        numerator: 1, denominator: camera.current.rate)
    case "VIDIOC_QUERYCTRL", "VIDIOC_QUERYMENU", "VIDIOC_G_EXT_CTRLS", "VIDIOC_S_EXT_CTRLS":
      return controls(request, argument, &camera, isStreaming: file.isStreaming)
    case "VIDIOC_SUBSCRIBE_EVENT":
      if !camera.sendsEvents { return ENOTTY }
      files[descriptor]?.isSubscribed = true
    case "VIDIOC_DQEVENT":
      guard let type = files[descriptor]?.events.first else { return ENOENT }
      files[descriptor]?.events.removeFirst()
      argument.assumingMemoryBound(to: v4l2_event.self).pointee.type = type
      argument.assumingMemoryBound(to: v4l2_event.self).pointee.u.src_change.changes =
        UInt32(V4L2_EVENT_SRC_CH_RESOLUTION)
    case "VIDIOC_STREAMON":
      guard file.buffers.contains(where: \.isQueued) else { return EINVAL }
      files[descriptor]?.isStreaming = true
      camera.sequence = camera.firstSequence
      if camera.forgetsControls {
        for index in camera.controls.indices { camera.controls[index].value = 0 }
      }
    case "VIDIOC_STREAMOFF":
      files[descriptor]?.isStreaming = false
      files[descriptor]?.filled = []
    default:
      return buffers(descriptor, request, argument, camera)
    }
    return 0
  }

  private func inputs(_ request: String, _ argument: UnsafeMutableRawPointer, _ camera: ScriptedCamera)
    -> Int32
  {
    if request == "VIDIOC_ENUMINPUT" {
      let input = argument.assumingMemoryBound(to: v4l2_input.self)
      let index = Int(input.pointee.index)
      guard index < camera.inputs.count else { return EINVAL }
      write(camera.inputs[index].name, to: &input.pointee.name)
      input.pointee.status = camera.inputs[index].status
      return 0
    }
    let index = argument.assumingMemoryBound(to: Int32.self)
    if request == "VIDIOC_G_INPUT" { index.pointee = 0 }
    return camera.inputs.indices.contains(Int(index.pointee)) ? 0 : EINVAL
  }

  private func modes(_ request: String, _ argument: UnsafeMutableRawPointer, _ camera: ScriptedCamera)
    -> Int32
  {
    switch request {
    case "VIDIOC_ENUM_FMT":
      let format = argument.assumingMemoryBound(to: v4l2_fmtdesc.self)
      let index = Int(format.pointee.index)
      guard format.pointee.type == V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue, index < camera.formats.count else {
        return EINVAL
      }
      format.pointee.pixelformat = code(camera.formats[index].code)
      write("Format \(camera.formats[index].code)", to: &format.pointee.description)
    case "VIDIOC_ENUM_FRAMESIZES":
      let size = argument.assumingMemoryBound(to: v4l2_frmsizeenum.self)
      guard camera.listsSizes else { return ENOTTY }
      guard let format = camera.formats.first(where: { code($0.code) == size.pointee.pixel_format }) else {
        return EINVAL
      }
      let index = Int(size.pointee.index)
      if camera.hasSizeRange {
        guard index == 0, let largest = format.sizes.last else { return EINVAL }
        size.pointee.type = V4L2_FRMSIZE_TYPE_STEPWISE.rawValue
        size.pointee.stepwise = v4l2_frmsize_stepwise(
          min_width: 16, max_width: UInt32(largest.0), step_width: 8, min_height: 16,
          max_height: UInt32(largest.1), step_height: 8)
      } else {
        guard index < format.sizes.count else { return EINVAL }
        size.pointee.type = V4L2_FRMSIZE_TYPE_DISCRETE.rawValue
        size.pointee.discrete.width = UInt32(format.sizes[index].0)
        size.pointee.discrete.height = UInt32(format.sizes[index].1)
      }
    default:
      let interval = argument.assumingMemoryBound(to: v4l2_frmivalenum.self)
      let format = camera.formats.first { code($0.code) == interval.pointee.pixel_format }
      let index = Int(interval.pointee.index)
      guard let format, index < format.rates.count else { return EINVAL }
      interval.pointee.type = V4L2_FRMIVAL_TYPE_DISCRETE.rawValue
      interval.pointee.discrete = v4l2_fract(numerator: 1, denominator: format.rates[index])
    }
    return 0
  }

  private func format(
    _ request: String, _ format: UnsafeMutablePointer<v4l2_format>, _ camera: inout ScriptedCamera
  ) -> Int32 {
    if request == "VIDIOC_S_FMT" {
      let wanted = format.pointee.fmt.pix
      // A driver answers an unknown format with one it likes better.
      let chosen = camera.formats.first { code($0.code) == wanted.pixelformat } ?? camera.formats[0]
      let size =
        camera.hasSizeRange
        ? (Int(wanted.width), Int(wanted.height))
        : chosen.sizes.min {
          abs($0.0 - Int(wanted.width)) + abs($0.1 - Int(wanted.height))
            < abs($1.0 - Int(wanted.width)) + abs($1.1 - Int(wanted.height))
        } ?? (64, 48)
      camera.current = (chosen.code, size.0, size.1, chosen.rates.first ?? 30)
    }
    format.pointee.fmt.pix = v4l2_pix_format()
    format.pointee.fmt.pix.width = UInt32(camera.current.width)
    format.pointee.fmt.pix.height = UInt32(camera.current.height)
    format.pointee.fmt.pix.pixelformat = code(camera.current.code)
    format.pointee.fmt.pix.field = camera.field
    format.pointee.fmt.pix.bytesperline = camera.current.code == "MJPG" ? 0 : UInt32(bytesPerLine(camera))
    format.pointee.fmt.pix.sizeimage = UInt32(frameLength(camera))
    format.pointee.fmt.pix.colorspace = camera.colorspace
    format.pointee.fmt.pix.priv = V4L2_PIX_FMT_PRIV_MAGIC
    return 0
  }

  private func controls(
    _ request: String, _ argument: UnsafeMutableRawPointer, _ camera: inout ScriptedCamera, isStreaming: Bool
  ) -> Int32 {
    let sorted = camera.controls.sorted { $0.id < $1.id }
    func isInactive(_ control: ScriptedCamera.Control) -> Bool {
      guard let rule = control.ruledBy else { return false }
      return sorted.first { $0.id == rule.id }?.value != rule.manual
    }
    switch request {
    case "VIDIOC_QUERYCTRL":
      let query = argument.assumingMemoryBound(to: v4l2_queryctrl.self)
      guard query.pointee.id & V4L2_CTRL_FLAG_NEXT_CTRL != 0 else { return EINVAL }
      let after = Int32(query.pointee.id & ~V4L2_CTRL_FLAG_NEXT_CTRL)
      guard let next = sorted.first(where: { $0.id > after }) else { return EINVAL }
      query.pointee = v4l2_queryctrl()
      query.pointee.id = UInt32(next.id)
      query.pointee.type = next.type.rawValue
      write(next.title, to: &query.pointee.name)
      query.pointee.minimum = next.minimum
      query.pointee.maximum = next.maximum
      query.pointee.step = next.step
      query.pointee.flags = UInt32(
        next.flags | (isInactive(next) ? V4L2_CTRL_FLAG_INACTIVE : 0)
          | (next.isLockedByStream && isStreaming ? V4L2_CTRL_FLAG_GRABBED : 0))
    case "VIDIOC_QUERYMENU":
      let item = argument.assumingMemoryBound(to: v4l2_querymenu.self)
      let menu = sorted.first { $0.id == Int32(item.pointee.id) }?.menu
      guard let name = menu?[Int32(item.pointee.index)] else { return EINVAL }
      write(name, to: &item.pointee.name)
    default:
      let set = argument.assumingMemoryBound(to: v4l2_ext_controls.self)
      guard set.pointee.count == 1, let wanted = set.pointee.controls,
        let index = camera.controls.firstIndex(where: { $0.id == Int32(wanted.pointee.id) }),
        set.pointee.ctrl_class == wanted.pointee.id & 0x0FFF_0000
      else { return EINVAL }
      if request == "VIDIOC_G_EXT_CTRLS" {
        let remembered = camera.answersFromMemory ? camera.controls[index].remembered : nil
        wanted.pointee.value = remembered ?? camera.controls[index].value
        return 0
      }
      if isInactive(camera.controls[index]) { return EACCES }
      let control = camera.controls[index]
      if control.isLockedByStream && isStreaming { return EBUSY }
      guard control.minimum...control.maximum ~= wanted.pointee.value else { return ERANGE }
      camera.controls[index].value = control.staysAt ?? wanted.pointee.value
      camera.controls[index].remembered = wanted.pointee.value
    }
    return 0
  }

  private mutating func buffers(
    _ descriptor: Int32, _ request: String, _ argument: UnsafeMutableRawPointer, _ camera: ScriptedCamera
  ) -> Int32 {
    guard var file = files[descriptor] else { return EBADF }
    defer { files[descriptor] = file }
    if request == "VIDIOC_REQBUFS" {
      if file.buffers.contains(where: { $0.mapping != nil }) {
        violations.append("buffers freed while mapped")
        return EBUSY
      }
      let count = argument.assumingMemoryBound(to: v4l2_requestbuffers.self).pointee.count
      file.buffers = (0..<count).map { _ in (newOffset(), nil, false) }
      return 0
    }
    let buffer = argument.assumingMemoryBound(to: v4l2_buffer.self)
    let index = Int(buffer.pointee.index)
    switch request {
    case "VIDIOC_QUERYBUF":
      guard index < file.buffers.count else { return EINVAL }
      buffer.pointee.length = UInt32(frameLength(camera))
      buffer.pointee.m.offset = UInt32(file.buffers[index].offset)
    case "VIDIOC_QBUF":
      guard index < file.buffers.count, file.buffers[index].mapping != nil, !file.buffers[index].isQueued
      else {
        violations.append("queued buffer \(index), which is not there, not mapped or queued already")
        return EINVAL
      }
      file.buffers[index].isQueued = true
    case "VIDIOC_DQBUF":
      if file.isBroken { return EIO }
      guard file.isStreaming else { return EINVAL }
      guard !file.filled.isEmpty else { return EAGAIN }
      buffer.pointee = file.filled.removeFirst()
    default:
      return ENOTTY
    }
    return 0
  }

  func code(_ text: String) -> UInt32 { text.utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) } }

  private func write<Field>(_ text: String, to field: inout Field) {
    withUnsafeMutableBytes(of: &field) { bytes in
      for (index, byte) in text.utf8.prefix(bytes.count - 1).enumerated() { bytes[index] = byte }
    }
  }
}
