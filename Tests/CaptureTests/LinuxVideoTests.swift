import CVideo4Linux
import Capture
import Foundation
import Glibc
import TestSupport
import Testing

/// The system calls behind the seam, on this machine, which need not have a camera.
@Suite struct LinuxVideoTests {
  private let video = LinuxVideo()

  /// The numbers of the requests, as a 64-bit kernel defines them; a wrong structure size would change them.
  @Test func requestNumbersAreTheKernels() {
    #expect(VideoRequest.queryCapability.code == 0x8068_5600)
    #expect(VideoRequest.setFormat.code == 0xC0D0_5605)
    #expect(VideoRequest.dequeue.code == 0xC058_5611)
    #expect(VideoRequest.setControls.code == 0xC020_5648)
    #expect(VideoRequest.dequeueEvent.code == 0x8088_5659)
    #expect(MemoryLayout<v4l2_format>.size == 208)
    #expect(MemoryLayout<v4l2_buffer>.size == 88)
    #expect(MemoryLayout<v4l2_ext_control>.size == 20)
  }

  @Test func theClockIsTheKernels() {
    let before = video.now()
    #expect(video.now() >= before)
    let utc = video.utc(video.now())
    #expect(abs(utc.date.timeIntervalSinceNow) < 1)
  }

  @Test func waitsEndAtTheirTimeOrWithTheWaker() throws {
    let waker = try Waker()
    let start = video.now()
    video.wait(until: start.advanced(by: 3_000_000), or: waker)
    #expect(video.now().since(start) >= 3_000_000)
    #expect(!waker.isAwake)
    waker.wake()
    video.wait(until: video.now().advanced(by: 3_600_000_000_000), or: waker)
    #expect(waker.isAwake)
  }

  @Test func errorsCarryTheirNumber() throws {
    #expect(throws: SystemCallError("open", ENOENT)) { _ = try video.open("/dev/not-there") }
    let null = try video.open("/dev/null")
    defer { video.close(null) }
    var capability = v4l2_capability()
    #expect(throws: SystemCallError("VIDIOC_QUERYCAP", ENOTTY)) {
      try video.control(null, .queryCapability, &capability)
    }
  }

  /// A pipe stands for the device: it becomes readable, hangs up, and the waker ends the wait.
  @Test func pollTellsWhatHappened() throws {
    let waker = try Waker()
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { video.close(ends[0]) }
    #expect(try video.poll(ends[0], or: waker, until: video.now().advanced(by: 1_000_000)) == [])
    #expect(write(ends[1], "x", 1) == 1)
    #expect(try video.poll(ends[0], or: waker, until: nil) == .frame)
    video.close(ends[1])
    #expect(try video.poll(ends[0], or: waker, until: nil) == [.frame, .error])
    waker.wake()
    #expect(try video.poll(ends[0], or: waker, until: nil).contains(.error))
  }

  @Test func mapsWhatADeviceWouldGive() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("buffer")
    try Data(repeating: 7, count: 8192).write(to: file)
    let descriptor = try video.open(file.path)
    defer { video.close(descriptor) }
    let memory = try video.map(descriptor, length: 4096, offset: 4096)
    #expect(memory.count == 4096 && memory.allSatisfy { $0 == 7 })
    video.unmap(memory)
    #expect(throws: SystemCallError("mmap", EINVAL)) { _ = try video.map(descriptor, length: 0, offset: 0) }
  }

  @Test func filesTellTheirGroup() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("node")
    try Data().write(to: file)
    chmod(file.path, 0o640)
    let access = try #require(video.access(of: file.path))
    #expect(access.mode == 0o640 && !access.group.isEmpty)
    #expect(video.access(of: "/dev/not-there") == nil)
    #expect(video.resolve(file.path)?.hasSuffix("/node") == true && video.resolve("/dev/not-there") == nil)
    #expect(video.entries(of: folder.url.path) == ["node"] && video.entries(of: "/dev/not-there").isEmpty)
  }
}
