import CVideo4Linux

/// One control at a time through the extended-controls requests: the plain ones are for the user class only, and
/// exposure is of the camera class.
extension VideoDevice {
  func value(of id: UInt32) throws(SystemCallError) -> Int { try exchange(.getControls, id, 0) }

  func setValue(of id: UInt32, to value: Int32) throws(SystemCallError) {
    _ = try exchange(.setControls, id, value)
  }

  private func exchange(
    _ request: VideoRequest<v4l2_ext_controls>, _ id: UInt32, _ value: Int32
  ) throws(SystemCallError) -> Int {
    var control = v4l2_ext_control()
    control.id = id
    control.value = value
    let result = withUnsafeMutablePointer(to: &control) { pointer -> Result<Void, SystemCallError> in
      var set = v4l2_ext_controls()
      set.ctrl_class = cv4l_control_class(id)
      set.count = 1
      set.controls = pointer
      do throws(SystemCallError) {
        try ask(request, &set)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
    return Int(control.value)
  }
}
