/// Why a captured frame was rejected before anybody looked at its picture. The raw values are stable: they name counters.
public enum FrameFault: String, Error, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
  /// The driver marked the buffer with `V4L2_BUF_FLAG_ERROR`: the data is torn. Newer kernels hand torn UVC frames over
  /// with that mark rather than dropping them.
  case driverError = "driver_error"
  /// No bytes at all: `bytesused` is 0, or the file is empty.
  case empty
  /// Fewer bytes than the uncompressed format needs for the negotiated size.
  case short
  /// Does not begin like a JPEG, or PNG, picture.
  case notAPicture = "not_a_picture"
  /// The file to replay is gone, too large or cannot be read.
  case unreadable
}
