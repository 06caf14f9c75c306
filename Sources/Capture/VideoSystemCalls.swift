/// Everything the camera code asks of the operating system. `LinuxVideo` asks Linux; tests have a scripted device.
package protocol VideoSystemCalls: CaptureClock {
  /// `open(2)` for reading and writing, non-blocking, closed on exec.
  func open(_ path: String) throws(SystemCallError) -> Int32
  func close(_ descriptor: Int32)

  /// `ioctl(2)`.
  func control<Argument>(
    _ descriptor: Int32, _ request: VideoRequest<Argument>, _ argument: inout Argument
  ) throws(SystemCallError)

  /// `mmap(2)`, shared and, as the V4L2 documentation asks, for reading and writing.
  func map(_ descriptor: Int32, length: Int, offset: Int) throws(SystemCallError) -> UnsafeRawBufferPointer
  func unmap(_ memory: UnsafeRawBufferPointer)

  /// Waits until the device has a frame, an event or an error, the waker is woken, or `deadline` (nil: never) has come.
  func poll(
    _ descriptor: Int32, or waker: Waker, until deadline: MonotonicInstant?
  ) throws(SystemCallError) -> DeviceEvents

  /// Names in a folder, in no order; none if there is no such folder.
  func entries(of folder: String) -> [String]
  /// The path without symbolic links, nil if nothing is there.
  func resolve(_ path: String) -> String?
  /// The group a file belongs to and its permission bits, nil if nothing is there.
  func access(of path: String) -> (group: String, mode: UInt32)?
}

/// What `poll` saw on the device.
package struct DeviceEvents: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// A buffer can be dequeued.
  package static let frame = DeviceEvents(rawValue: 1)
  /// An event can be dequeued.
  package static let event = DeviceEvents(rawValue: 2)
  /// The queue is broken or the device is gone; the next request says which.
  package static let error = DeviceEvents(rawValue: 4)
}
