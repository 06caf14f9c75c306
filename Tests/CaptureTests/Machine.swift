import CVideo4Linux
import Capture
import Glibc

/// The inside of `ScriptedVideo`: clock, script, nodes, open files.
struct Machine {
  struct File {
    let path: String
    /// Cleared when the camera is unplugged: the file stays open and answers `ENODEV`.
    var isPresent = true
    var buffers: [(offset: Int, mapping: UInt?, isQueued: Bool)] = []
    var filled: [v4l2_buffer] = []
    var isStreaming = false
    var isBroken = false
    var events: [UInt32] = []
    var isSubscribed = false
  }

  var time: Int64 = 1_000_000_000_000
  var offsetToUTC: Int64 = 1_700_000_000_000_000_000
  var cameras: [String: ScriptedCamera]
  var links: [String: String] = [:]
  var files: [Int32: File] = [:]
  var memory: [UInt: Int] = [:]
  var failures: [String: [Int32]] = [:]
  var violations: [String] = []
  var log: [String] = []
  /// Millisecond 0 of scripts.
  private let origin: Int64 = 1_000_000_000_000
  private var script: [(time: Int64, action: @Sendable (inout Machine) -> Void)] = []
  private var nextDescriptor: Int32 = 1000
  private var nextOffset = 0

  init(cameras: [String: ScriptedCamera]) { self.cameras = cameras }

  // MARK: - Script

  mutating func schedule(_ time: Int64, _ action: @escaping @Sendable (inout Machine) -> Void) {
    let place = script.firstIndex { $0.time > origin + time } ?? script.count
    script.insert((origin + time, action), at: place)
  }

  /// Moves the clock to the next event, or to `deadline` if that is first.
  /// - Returns: whether there was an event.
  mutating func step(until deadline: Int64) -> Bool {
    guard let next = script.first, next.time <= deadline else {
      if deadline != .max { time = max(time, deadline) }
      return false
    }
    script.removeFirst()
    time = max(time, next.time)
    next.action(&self)
    return true
  }

  mutating func unplug(_ path: String) {
    cameras[path] = nil
    for (descriptor, file) in files where file.path == path {
      files[descriptor]?.isPresent = false
      files[descriptor]?.filled = []
    }
  }

  mutating func breakStream(_ path: String) {
    for (descriptor, file) in files where file.path == path { files[descriptor]?.isBroken = true }
  }

  mutating func changeSource(_ path: String) {
    for (descriptor, file) in files where file.path == path && file.isSubscribed {
      files[descriptor]?.events.append(UInt32(V4L2_EVENT_SOURCE_CHANGE))
    }
  }

  /// The sensor exposes a frame; without a queued buffer the driver loses it.
  mutating func shoot(_ shot: Shot, _ path: String) {
    guard var camera = cameras[path] else { return }
    if let sequence = shot.sequence { camera.sequence = sequence }
    let sequence = camera.sequence &+ shot.lost
    camera.sequence = sequence &+ 1
    cameras[path] = camera
    guard let descriptor = files.first(where: { $0.value.path == path && $0.value.isStreaming })?.key,
      let index = files[descriptor]?.buffers.firstIndex(where: \.isQueued),
      let address = files[descriptor]?.buffers[index].mapping
    else { return }
    files[descriptor]?.buffers[index].isQueued = false
    var buffer = v4l2_buffer()
    buffer.index = UInt32(index)
    buffer.bytesused = UInt32(shot.bytes ?? frameLength(camera))
    buffer.flags = UInt32(bitPattern: shot.flags | shot.clock)
    buffer.sequence = sequence
    let stamp = time - shot.age * 1_000_000
    buffer.timestamp.tv_sec = Int(stamp / 1_000_000_000)
    buffer.timestamp.tv_usec = Int(stamp % 1_000_000_000 / 1000)
    guard let pointer = UnsafeMutableRawPointer(bitPattern: address), let length = memory[address] else {
      violations.append("the device writes to memory that was given back")
      return
    }
    for place in 0..<min(length, Int(buffer.bytesused)) {
      let byte = place < shot.beginning.count ? shot.beginning[place] : UInt8(truncatingIfNeeded: sequence)
      pointer.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
    }
    files[descriptor]?.filled.append(buffer)
  }

  func events(_ descriptor: Int32) -> DeviceEvents {
    guard let file = files[descriptor] else { return .error }
    // As the kernel says it of a device that is gone.
    if !file.isPresent { return [.error, .event] }
    var events: DeviceEvents = []
    if file.isBroken { events.insert(.error) }
    if !file.filled.isEmpty { events.insert(.frame) }
    if !file.events.isEmpty { events.insert(.event) }
    return events
  }

  // MARK: - Files and memory

  mutating func open(_ path: String) -> Int32 {
    log.append("open \(path)")
    if let code = takeFailure("open") { return -code }
    let target = links[path] ?? path
    guard cameras[target] != nil else { return -ENOENT }
    nextDescriptor += 1
    files[nextDescriptor] = File(path: target)
    return nextDescriptor
  }

  mutating func close(_ descriptor: Int32) {
    log.append("close")
    guard let file = files.removeValue(forKey: descriptor) else {
      violations.append("close of a descriptor that is not open")
      return
    }
    if file.buffers.contains(where: { $0.mapping != nil }) {
      violations.append("closed with buffers still mapped")
    }
  }

  mutating func map(_ descriptor: Int32, _ length: Int, _ offset: Int) -> (UInt, Int32) {
    if let code = takeFailure("mmap") { return (0, code) }
    guard let index = files[descriptor]?.buffers.firstIndex(where: { $0.offset == offset }) else {
      violations.append("mmap of a buffer that does not exist")
      return (0, EINVAL)
    }
    let address = UInt(bitPattern: UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 16))
    memory[address] = length
    files[descriptor]?.buffers[index].mapping = address
    return (address, 0)
  }

  mutating func unmap(_ address: UInt) {
    guard memory.removeValue(forKey: address) != nil else {
      violations.append("munmap of memory that is not mapped")
      return
    }
    UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
    for (descriptor, file) in files {
      for (index, buffer) in file.buffers.enumerated() where buffer.mapping == address {
        files[descriptor]?.buffers[index].mapping = nil
      }
    }
  }

  mutating func newOffset() -> Int {
    nextOffset += 4096
    return nextOffset
  }

  mutating func takeFailure(_ request: String) -> Int32? {
    guard var waiting = failures[request], !waiting.isEmpty else { return nil }
    let code = waiting.removeFirst()
    failures[request] = waiting
    return code == 0 ? nil : code
  }

  func frameLength(_ camera: ScriptedCamera) -> Int { bytesPerLine(camera) * camera.current.height }

  func bytesPerLine(_ camera: ScriptedCamera) -> Int {
    switch camera.current.code {
    case "YUYV", "UYVY": camera.current.width * 2 + camera.padding
    case "RGB3", "BGR3": camera.current.width * 3 + camera.padding
    default: camera.current.width + camera.padding
    }
  }
}
