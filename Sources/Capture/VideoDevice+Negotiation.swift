import CVideo4Linux
import Glibc
import Imaging

extension VideoDevice {
  /// The rate below which a format is not chosen by itself while another is faster: USB cameras offer their largest
  /// uncompressed sizes at a few frames a second only.
  private static let usableRate = 10.0

  /// Uncompressed first: no artefacts and no decoding. Colour before grey.
  private static let preference: [PixelFormat] = [
    .yuyv, .uyvy, .nv12, .yu12, .rgb24, .bgr24, .mjpeg, .jpeg, .grey,
  ]

  private static let fastestRate = 100_000.0

  /// Largest side that makes sense; protects from drivers that answer nonsense.
  private static let largestSide = 32_768

  func selectInput(_ wanted: Int?) throws(CaptureError) {
    var index: Int32 = 0
    if let wanted {
      index = Int32(clamping: wanted)
      do {
        try ask(.setInput, &index)
      } catch {
        let names = inputs.map { "\($0.index) (\($0.name))" }.joined(separator: ", ")
        let offered = names.isEmpty ? "" : "; it has: \(names)"
        throw CaptureError(
          Self.fault(of: error, otherwise: .inputUnavailable),
          "\(path): input \(wanted) cannot be selected\(offered) (\(error)).")
      }
    } else {
      do { try ask(.getInput, &index) } catch { return }
    }
    guard let input = inputs.first(where: { $0.index == Int(index) }), let problem = input.problem else {
      return
    }
    throw CaptureError(.noSignal, "\(path): input \(index) (\(input.name)) has \(problem).")
  }

  var inputs: [VideoInput] {
    list(.enumerateInput) { index in
      var argument = v4l2_input()
      argument.index = index
      return argument
    } _: { found in
      VideoInput(
        index: Int(found.index), name: string(found.name),
        problem: found.status & UInt32(V4L2_IN_ST_NO_POWER) != 0
          ? "no power" : found.status & UInt32(V4L2_IN_ST_NO_SIGNAL) != 0 ? "no signal" : nil)
    }
  }

  /// Chooses the mode nearest to what is wanted, sets it and reports what the driver made of it.
  func negotiate(_ options: CameraOptions) throws(CaptureError) -> CameraMode {
    var wanted = options
    if let rate = wanted.framesPerSecond {
      wanted.framesPerSecond = rate.isFinite && rate > 0 ? min(rate, Self.fastestRate) : nil
    }
    let choice = try choose(wanted)
    let (pix, format) = try setFormat(choice.format, choice.size)
    let size = VideoSize(width: Int(pix.width), height: Int(pix.height))
    let (interval, rateRemark) = setRate(wanted.framesPerSecond, pix.pixelformat, size)

    var remarks: [String] = []
    if let width = wanted.width, let height = wanted.height, width != size.width || height != size.height {
      remarks.append("\(width)x\(height) is not on offer; the nearest size is used.")
    } else if let width = wanted.width, width != size.width {
      remarks.append("A width of \(width) is not on offer; the nearest is used.")
    } else if let height = wanted.height, height != size.height {
      remarks.append("A height of \(height) is not on offer; the nearest is used.")
    }
    if let rateRemark { remarks.append(rateRemark) }
    return CameraMode(
      format: format, width: size.width, height: size.height,
      bytesPerLine: format.isCompressed
        ? 0 : max(Int(pix.bytesperline), format.packedBytesPerLine(width: size.width)),
      colour: wanted.colour ?? ColourEncoding(pix),
      framesPerSecond: interval.map(\.rate), isInterlaced: pix.field > V4L2_FIELD_NONE.rawValue,
      remarks: remarks)
  }

  private func choose(_ wanted: CameraOptions) throws(CaptureError) -> (format: PixelFormat, size: VideoSize?)
  {
    let offered = formats(withRates: false)
    let codes = offered.map(\.code).joined(separator: ", ")
    if let format = wanted.format, !offered.contains(where: { $0.pixelFormat == format }) {
      throw CaptureError(
        .formatUnavailable,
        "\(path) (\(card)) does not offer the format \(format.rawValue). It offers: \(codes).")
    }
    typealias Candidate = (format: PixelFormat, size: VideoSize?, cost: [Double])
    var candidates: [Candidate] = []
    for (rank, format) in Self.preference.enumerated() where wanted.format == nil || wanted.format == format {
      for entry in offered where entry.pixelFormat == format {
        let nearest = entry.sizes.map { $0.nearest(width: wanted.width, height: wanted.height) }
        let size = nearest.min { distance($0, wanted) < distance($1, wanted) }
        let rates = size.map { self.rates(of: format.videoCode, at: $0) } ?? []
        let rate = wanted.framesPerSecond ?? Self.usableRate
        let best = rates.map { min(rate, $0.shortest.rate) }.max() ?? rate
        candidates.append(
          (format, size, [size.map { distance($0, wanted) } ?? 0, rate - best, Double(rank)]))
      }
    }
    guard let best = candidates.min(by: { $0.cost.lexicographicallyPrecedes($1.cost) }) else {
      throw CaptureError(
        .formatUnavailable,
        "\(path) (\(card)) offers no format assayd can read: it offers \(codes.isEmpty ? "none" : codes); readable are "
          + Self.preference.map(\.rawValue).joined(separator: ", ") + ".")
    }
    return (best.format, best.size)
  }

  /// How far a size is from the wanted one, in pixels of both sides; a side nobody asked for is the better the larger.
  private func distance(_ size: VideoSize, _ wanted: CameraOptions) -> Double {
    if wanted.width == nil && wanted.height == nil { return -Double(size.width) * Double(size.height) }
    let tieBreak = 1e-6
    let width = wanted.width.map { abs(Double($0) - Double(size.width)) } ?? -tieBreak * Double(size.width)
    let height =
      wanted.height.map { abs(Double($0) - Double(size.height)) } ?? -tieBreak * Double(size.height)
    return width + height
  }

  /// Sets format and size. Without a size, the one the device has is kept.
  private func setFormat(
    _ format: PixelFormat, _ size: VideoSize?
  ) throws(CaptureError) -> (v4l2_pix_format, PixelFormat) {
    var argument = v4l2_format()
    argument.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
    do {
      try ask(.getFormat, &argument)
      let (width, height) = (argument.fmt.pix.width, argument.fmt.pix.height)
      argument.fmt.pix = v4l2_pix_format()
      argument.fmt.pix.width = size.map { UInt32(clamping: $0.width) } ?? width
      argument.fmt.pix.height = size.map { UInt32(clamping: $0.height) } ?? height
      argument.fmt.pix.pixelformat = format.videoCode
      argument.fmt.pix.field = V4L2_FIELD_NONE.rawValue
      argument.fmt.pix.priv = V4L2_PIX_FMT_PRIV_MAGIC
      try ask(.setFormat, &argument)
    } catch {
      throw explain(error, .formatRefused)
    }
    let pix = argument.fmt.pix
    guard pix.pixelformat == format.videoCode, 1...Self.largestSide ~= Int(pix.width),
      1...Self.largestSide ~= Int(pix.height), Int(pix.bytesperline) <= Self.largestSide * 16
    else {
      throw CaptureError(
        .formatRefused,
        "\(path) (\(card)) was asked for \(format.rawValue)\(size.map { " \($0)" } ?? "") and answers "
          + "\(fourCharacters(pix.pixelformat)) \(pix.width)x\(pix.height).")
    }
    switch pix.field {
    // "Any" is a question and no answer, but some drivers leave it so.
    case V4L2_FIELD_ANY.rawValue, V4L2_FIELD_NONE.rawValue, V4L2_FIELD_INTERLACED.rawValue,
      V4L2_FIELD_INTERLACED_TB.rawValue,
      V4L2_FIELD_INTERLACED_BT.rawValue:
      return (pix, format)
    default:
      throw CaptureError(
        .separateFields,
        "\(path) (\(card)) delivers the fields of an interlaced picture one by one; assayd needs whole pictures."
      )
    }
  }

  /// Sets the rate if the driver lets one. A camera that keeps its own rate is no fault.
  private func setRate(
    _ wanted: Double?, _ code: UInt32, _ size: VideoSize
  ) -> (interval: FrameInterval?, remark: String?) {
    var argument = v4l2_streamparm()
    argument.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
    do { try ask(.getParameters, &argument) } catch {
      return (nil, wanted.map { "The driver lets no rate be set: \(CameraMode.rounded($0)) is ignored." })
    }
    var given = FrameInterval(argument.parm.capture.timeperframe)
    if argument.parm.capture.capability & UInt32(V4L2_CAP_TIMEPERFRAME) != 0 {
      let offered = rates(of: code, at: size).map { $0.nearest(wanted) }
      let target = offered.min { left, right in
        // In proportion: for 15 wanted, 30 is nearer than 5.
        guard let wanted else { return left.rate > right.rate }
        return abs(log(left.rate / wanted)) < abs(log(right.rate / wanted))
      }
      if let target = target ?? wanted.map(FrameInterval.init(rate:)) {
        argument.parm.capture.timeperframe = target.fraction
        // A refusal leaves the rate as it was, which is what gets reported.
        do {
          try ask(.setParameters, &argument)
          given = FrameInterval(argument.parm.capture.timeperframe)
        } catch {}
      }
    }
    guard let wanted, abs(given.rate - wanted) > 0.01 * wanted else {
      return (given.isValid ? given : nil, nil)
    }
    let remark = "\(CameraMode.rounded(wanted)) frames a second are not on offer; "
    return given.isValid
      ? (given, remark + "the camera runs at \(CameraMode.rounded(given.rate)).")
      : (nil, remark + "the driver does not tell its rate.")
  }
}

/// One of the connectors of a device.
public struct VideoInput: Sendable, Equatable, Codable {
  public let index: Int
  public let name: String
  /// `no power` or `no signal`; nil if the driver sees neither.
  public let problem: String?
}
