public import Imaging

/// What a camera agreed to deliver.
public struct CameraMode: Sendable, Equatable, Codable {
  public let format: PixelFormat
  public let width: Int
  public let height: Int
  /// Of the first plane; 0 for compressed formats.
  public let bytesPerLine: Int
  public let colour: ColourEncoding
  /// nil if the driver does not tell.
  public let framesPerSecond: Double?
  /// Two fields woven into one picture.
  public let isInterlaced: Bool
  /// Sentences about what differs from what was asked for.
  public let remarks: [String]

  /// How many bytes an uncompressed frame has at least; 0 for compressed formats.
  var requiredBytes: Int {
    switch format {
    case .yuyv, .uyvy, .grey, .rgb24, .bgr24: bytesPerLine * height
    // Odd heights have one more half row of chroma.
    case .nv12: bytesPerLine * (height + (height + 1) / 2)
    case .yu12: bytesPerLine * height + 2 * ((bytesPerLine + 1) / 2) * ((height + 1) / 2)
    case .mjpeg, .jpeg, .png: 0
    }
  }

  /// For example `YUYV 640x480 at 30 frames a second`.
  var summary: String {
    let rate =
      framesPerSecond.map { "at \(Self.rounded($0)) frames a second" } ?? "at a rate the driver does not tell"
    return "\(format.rawValue) \(width)x\(height) \(rate)"
  }

  /// A rate to a hundredth, without needless zeros.
  static func rounded(_ rate: Double) -> String {
    let hundredths = (rate * 100).rounded() / 100
    return Int(exactly: hundredths).map { "\($0)" } ?? "\(hundredths)"
  }
}

extension PixelFormat {
  /// Bytes of one row of the first plane without padding; 0 for compressed formats.
  func packedBytesPerLine(width: Int) -> Int {
    switch self {
    case .yuyv, .uyvy: (width + 1) / 2 * 4
    case .nv12, .yu12, .grey: width
    case .rgb24, .bgr24: width * 3
    case .mjpeg, .jpeg, .png: 0
    }
  }
}
