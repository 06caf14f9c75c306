import CVideo4Linux
import Glibc

/// The memory-mapped buffers of a streaming device. Exists only from `VIDIOC_STREAMON` to `close()`: every reopening
/// makes new buffers, so none of an earlier session can ever be queued again.
struct CaptureStream {
  /// Enough for the capture thread to be late by three frames. More would only be older.
  static let wantedBuffers: UInt32 = 4

  private let device: VideoDevice
  private let buffers: [UnsafeRawBufferPointer]

  /// Requests, maps and queues buffers and starts the stream. Whatever fails, nothing stays behind.
  init(_ device: VideoDevice) throws(CaptureError) {
    var request = v4l2_requestbuffers()
    request.count = Self.wantedBuffers
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
    request.memory = V4L2_MEMORY_MMAP.rawValue
    var buffers: [UnsafeRawBufferPointer] = []
    do throws(CaptureError) {
      do {
        try device.ask(.requestBuffers, &request)
        // The driver gives as many as it can or must, even more than asked for.
        for index in 0..<request.count {
          var buffer = Self.description(of: index)
          try device.ask(.queryBuffer, &buffer)
          buffers.append(
            try device.system.map(
              device.descriptor, length: Int(buffer.length), offset: Int(buffer.m.offset)))
        }
        for index in 0..<request.count {
          var buffer = Self.description(of: index)
          try device.ask(.queue, &buffer)
        }
      } catch {
        throw device.explain(error, .buffersRefused)
      }
      guard buffers.count >= 2 else {
        throw CaptureError(
          .buffersRefused, "\(device.path): the driver gives \(buffers.count) buffers; streaming needs two.")
      }
      do {
        var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
        try device.ask(.streamOn, &type)
      } catch {
        throw device.explain(error, .streamRefused)
      }
    } catch {
      Self.release(buffers, device)
      throw error
    }
    self.device = device
    self.buffers = buffers
  }

  var bufferCount: Int { buffers.count }

  /// Takes the oldest filled buffer from the driver, nil if there is none yet.
  func dequeue() throws(CaptureError) -> v4l2_buffer? {
    var buffer = Self.description(of: 0)
    do {
      try device.ask(.dequeue, &buffer)
    } catch {
      if error.code == EAGAIN { return nil }
      throw device.explain(error, .streamError)
    }
    guard buffer.index < buffers.count else {
      throw CaptureError(
        .streamError, "\(device.path): the driver returned buffer \(buffer.index), which is not ours.")
    }
    return buffer
  }

  /// Gives a dequeued buffer back to the driver to be filled anew.
  func requeue(_ buffer: v4l2_buffer) throws(CaptureError) {
    var again = Self.description(of: buffer.index)
    do {
      try device.ask(.queue, &again)
    } catch {
      throw device.explain(error, .streamError)
    }
  }

  /// A copy of the bytes the driver filled in.
  func bytes(of buffer: v4l2_buffer) -> [UInt8] {
    let memory = buffers[Int(buffer.index)]
    return [UInt8](memory.prefix(Int(buffer.bytesused)))
  }

  /// Whether a frame begins like a JPEG picture.
  func looksLikeJPEG(_ buffer: v4l2_buffer) -> Bool {
    buffers[Int(buffer.index)].prefix(Int(buffer.bytesused)).starts(with: [0xFF, 0xD8])
  }

  func close() { Self.release(buffers, device) }

  /// In the order the documentation asks for: stop, unmap, free. A device that is gone answers with errors that do not
  /// matter any more; the mappings go all the same.
  private static func release(_ buffers: [UnsafeRawBufferPointer], _ device: VideoDevice) {
    var type = Int32(V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue)
    try? device.ask(.streamOff, &type)
    for buffer in buffers { device.system.unmap(buffer) }
    var request = v4l2_requestbuffers()
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
    request.memory = V4L2_MEMORY_MMAP.rawValue
    try? device.ask(.requestBuffers, &request)
  }

  private static func description(of index: UInt32) -> v4l2_buffer {
    var buffer = v4l2_buffer()
    buffer.index = index
    buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
    buffer.memory = V4L2_MEMORY_MMAP.rawValue
    return buffer
  }
}
