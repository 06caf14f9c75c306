import CVideo4Linux
import Capture
import Glibc
import Synchronization

/// A machine with cameras that exist only in a script.
///
/// Its clock moves only when the code under test waits, straight to the next scripted event, so that hours pass in no
/// time. It behaves as the V4L2 documentation says, plays each fault on request, and notes in `violations` whatever a
/// kernel would punish: buffers queued that are not there, memory used after it was given back, descriptors left open.
final class ScriptedVideo: VideoSystemCalls {
  private let state: Mutex<Machine>

  init(_ cameras: [String: ScriptedCamera] = [:]) {
    state = Mutex(Machine(cameras: cameras))
  }

  // MARK: - Writing the script

  static let millisecond: Int64 = 1_000_000

  /// Runs `action` when the clock reaches `milliseconds`.
  func at(_ milliseconds: Int64, _ action: @escaping @Sendable (inout Machine) -> Void) {
    state.withLock { $0.schedule(milliseconds * Self.millisecond, action) }
  }

  /// One shot after the other, `interval` milliseconds apart.
  func shoot(
    _ shots: [Shot], camera: String = "/dev/video0", from start: Int64 = 40, every interval: Int64 = 40
  ) {
    for (index, shot) in shots.enumerated() {
      at(start + Int64(index) * interval) { $0.shoot(shot, camera) }
    }
  }

  func link(_ path: String, to node: String) { state.withLock { $0.links[path] = node } }

  /// The next `count` requests of that name fail with that errno.
  func fail(_ request: String, _ code: Int32, times count: Int = 1) {
    state.withLock { $0.failures[request, default: []] += Array(repeating: code, count: count) }
  }

  /// The values that the camera itself has.
  func controls(of camera: String = "/dev/video0") -> [Int32] {
    state.withLock { $0.cameras[camera]?.controls.map(\.value) ?? [] }
  }

  var violations: [String] { state.withLock { $0.violations } }
  var milliseconds: Int64 { state.withLock { $0.time / Self.millisecond } }
  /// Every request so far, by name, in order.
  var log: [String] { state.withLock { $0.log } }
  /// Nothing is open, nothing is mapped.
  var isClean: Bool { state.withLock { $0.files.isEmpty && $0.memory.isEmpty } }

  // MARK: - VideoSystemCalls

  func now() -> MonotonicInstant { MonotonicInstant(nanoseconds: state.withLock { $0.time }) }

  func offsetToUTC() -> Int64 { state.withLock { $0.offsetToUTC } }

  func wait(until deadline: MonotonicInstant, or waker: Waker) {
    state.withLock { state in
      while !waker.isAwake && state.step(until: deadline.nanoseconds) {}
    }
  }

  func open(_ path: String) throws(SystemCallError) -> Int32 {
    let result = state.withLock { $0.open(path) }
    if result < 0 { throw SystemCallError("open", -result) }
    return result
  }

  func close(_ descriptor: Int32) { state.withLock { $0.close(descriptor) } }

  func control<Argument>(
    _ descriptor: Int32, _ request: VideoRequest<Argument>, _ argument: inout Argument
  ) throws(SystemCallError) {
    let code = withUnsafeMutablePointer(to: &argument) { pointer in
      state.withLock { $0.answer(descriptor, request.name, UnsafeMutableRawPointer(pointer)) }
    }
    if code != 0 { throw SystemCallError(request.name, code) }
  }

  func map(_ descriptor: Int32, length: Int, offset: Int) throws(SystemCallError) -> UnsafeRawBufferPointer {
    let (address, code) = state.withLock { $0.map(descriptor, length, offset) }
    guard let memory = UnsafeRawPointer(bitPattern: address) else { throw SystemCallError("mmap", code) }
    return UnsafeRawBufferPointer(start: memory, count: length)
  }

  func unmap(_ memory: UnsafeRawBufferPointer) {
    let address = UInt(bitPattern: memory.baseAddress)
    state.withLock { $0.unmap(address) }
  }

  func poll(
    _ descriptor: Int32, or waker: Waker, until deadline: MonotonicInstant?
  ) throws(SystemCallError) -> DeviceEvents {
    state.withLock { state in
      while true {
        if waker.isAwake { return [] }
        let events = state.events(descriptor)
        if !events.isEmpty { return events }
        if !state.step(until: deadline?.nanoseconds ?? .max) {
          if deadline == nil {
            state.violations.append("waits for ever")
            waker.wake()
          }
          return []
        }
      }
    }
  }

  func entries(of folder: String) -> [String] {
    state.withLock { state in
      (Array(state.cameras.keys) + Array(state.links.keys)).filter { $0.hasPrefix(folder + "/") }
        .map { String($0.dropFirst(folder.count + 1)) }.filter { !$0.contains("/") }
    }
  }

  func resolve(_ path: String) -> String? {
    state.withLock { state in
      let target = state.links[path] ?? path
      return state.cameras[target] == nil ? nil : target
    }
  }

  func access(of path: String) -> (group: String, mode: UInt32)? { ("video", 0o660) }
}

/// What a scripted camera is and offers.
struct ScriptedCamera: Sendable {
  struct Format: Sendable {
    var code: String
    var sizes: [(Int, Int)]
    var rates: [UInt32] = [30]
  }

  struct Control: Sendable {
    var id: Int32
    var title: String
    var type = V4L2_CTRL_TYPE_INTEGER
    var minimum: Int32 = 0
    var maximum: Int32 = 255
    var step: Int32 = 1
    var value: Int32 = 0
    var flags: Int32 = 0
    var menu: [Int32: String] = [:]
    /// Takes any value without complaint and keeps this one.
    var staysAt: Int32?
    /// Cannot be set while the stream runs.
    var isLockedByStream = false
    /// What the driver was told last.
    var remembered: Int32?
    /// Active only while that control has that value.
    var ruledBy: (id: Int32, manual: Int32)?
  }

  var card = "Test Camera"
  var capabilities: UInt32 = UInt32(V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING)
  var formats = [Format(code: "YUYV", sizes: [(64, 48)])]
  var controls: [Control] = []
  var inputs: [(name: String, status: UInt32)] = [("Camera 1", 0)]
  /// Sizes are given as one range, in steps of 8.
  var hasSizeRange = false
  var listsSizes = true
  var setsRate = true
  var sendsEvents = false
  var field: UInt32 = V4L2_FIELD_NONE.rawValue
  var colorspace: UInt32 = V4L2_COLORSPACE_SRGB.rawValue
  var padding = 0
  /// Controls fall back to 0 when the stream starts.
  var forgetsControls = false
  /// The driver answers with what it was told last and does not ask the camera, as `uvcvideo` does.
  var answersFromMemory = false
  var firstSequence: UInt32 = 0

  // What it is set to; lost when it is plugged in anew.
  var current = (code: "YUYV", width: 64, height: 48, rate: UInt32(30))
  var sequence: UInt32 = 0
}

/// One exposure of a scripted camera.
struct Shot: Sendable {
  var flags: Int32 = 0
  var clock: Int32 = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_TSTAMP_SRC_SOE
  /// nil fills the whole frame.
  var bytes: Int?
  /// The frame's first bytes.
  var beginning: [UInt8] = []
  /// Milliseconds by which the time stamp lies before the moment the frame arrives.
  var age: Int64 = 5
  /// How many frames the driver loses before it.
  var lost: UInt32 = 0
  /// The driver counts on from here.
  var sequence: UInt32?

  static let good = Shot()
  static let torn = Shot(flags: V4L2_BUF_FLAG_ERROR)
}
