/// How Y'CbCr numbers stand for colours; it matters for `yuyv`, `uyvy`, `nv12` and `yu12` only.
///
/// JPEG carries its own (BT.601, full range, after JFIF), and grey and RGB bytes are taken as they are.
public struct ColourEncoding: Sendable, Hashable, Codable {
  /// Which red, green and blue weights make up luma.
  public enum Matrix: String, Sendable, Codable, CaseIterable {
    /// ITU-R BT.601: standard definition, and what most USB cameras send at every size.
    case bt601
    /// ITU-R BT.709: high definition.
    case bt709
    /// ITU-R BT.2020, non-constant luminance.
    case bt2020
  }

  /// Which byte values black and white have.
  public enum Range: String, Sendable, Codable, CaseIterable {
    /// Luma 16...235, chroma 16...240.
    case limited
    /// Luma and chroma 0...255.
    case full
  }

  public var matrix: Matrix
  public var range: Range

  public init(matrix: Matrix = .bt601, range: Range = .limited) {
    self.matrix = matrix
    self.range = range
  }
}
