import CVideo4Linux
import Imaging

extension VideoDevice {
  /// The pixel formats on offer with their sizes and, if asked for, the rates.
  func formats(withRates: Bool) -> [VideoFormat] {
    list(.enumerateFormat) { index in
      var argument = v4l2_fmtdesc()
      argument.index = index
      argument.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
      return argument
    } _: { found in
      VideoFormat(
        code: fourCharacters(found.pixelformat), name: string(found.description),
        pixelFormat: PixelFormat(videoCode: found.pixelformat),
        sizes: sizes(of: found.pixelformat).map { sizes in
          var sizes = sizes
          if withRates { sizes.rates = rates(of: found.pixelformat, at: sizes.maximum) }
          return sizes
        })
    }
  }

  /// Empty if the driver does not list sizes.
  private func sizes(of code: UInt32) -> [VideoSizes] {
    var ranged = false
    return list(.enumerateFrameSize) { index in
      var argument = v4l2_frmsizeenum()
      // A range has one entry; old drivers answer every further index with it again.
      argument.index = ranged ? UInt32.max : index
      argument.pixel_format = code
      return argument
    } _: { found in
      if found.type == V4L2_FRMSIZE_TYPE_DISCRETE.rawValue {
        let size = VideoSize(width: Int(found.discrete.width), height: Int(found.discrete.height))
        return VideoSizes(minimum: size, maximum: size, step: VideoSize(width: 1, height: 1), rates: [])
      }
      ranged = true
      let range = found.stepwise
      return VideoSizes(
        minimum: VideoSize(width: Int(range.min_width), height: Int(range.min_height)),
        maximum: VideoSize(width: Int(range.max_width), height: Int(range.max_height)),
        step: VideoSize(width: Int(range.step_width), height: Int(range.step_height)), rates: [])
    }
  }

  /// Empty if the driver does not list rates.
  func rates(of code: UInt32, at size: VideoSize) -> [VideoRates] {
    var ranged = false
    return list(.enumerateFrameInterval) { index in
      var argument = v4l2_frmivalenum()
      argument.index = ranged ? UInt32.max : index
      argument.pixel_format = code
      argument.width = UInt32(clamping: size.width)
      argument.height = UInt32(clamping: size.height)
      return argument
    } _: { found in
      if found.type == V4L2_FRMIVAL_TYPE_DISCRETE.rawValue {
        let interval = FrameInterval(found.discrete)
        return VideoRates(shortest: interval, longest: interval)
      }
      ranged = true
      return VideoRates(
        shortest: FrameInterval(found.stepwise.min), longest: FrameInterval(found.stepwise.max))
    }
    .filter { $0.shortest.isValid && $0.longest.isValid }
  }
}

/// `YUYV` for the little-endian code of V4L2; `-BE` marks the big-endian variant, as `v4l2-ctl` writes it.
func fourCharacters(_ code: UInt32) -> String {
  let characters = (0..<4).map { UInt8(truncatingIfNeeded: code >> ($0 * 8)) & 0x7F }
  return String(decoding: characters, as: UTF8.self) + (code & 1 << 31 != 0 ? "-BE" : "")
}

extension PixelFormat {
  /// The format with this V4L2 code, nil if we cannot read it.
  init?(videoCode: UInt32) {
    guard let format = PixelFormat(rawValue: fourCharacters(videoCode)), format != .png else { return nil }
    self = format
  }

  /// V4L2's little-endian four-character code.
  var videoCode: UInt32 { rawValue.utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
}
