import CJPEG

/// JPEG by libjpeg-turbo, and the judgement of what its complaints mean.
///
/// libjpeg ends with an error only where it cannot go on. Where data is missing it warns and fills the gap with
/// grey, so each warning is either known to lose nothing or makes the picture unusable.
///
/// A JPEG carries no checksum. Lost pieces are noticed, but a flipped bit often is not, or only by a few bytes left
/// over at the end, which sound files of some cameras have as well.
enum JPEGCodec {
  /// What a complaint of libjpeg means for the picture.
  enum Finding: Equatable {
    /// All of the picture is there; the phrase goes into `DecodedPicture.warnings`.
    case harmless(String)
    case truncated(String)
    case corrupt(String)
    case unsupported(String)
  }

  /// So many bytes may lie unused before a marker inside the picture's data.
  ///
  /// Cameras pad what lies between restart markers, and the end, to the transfer size of their hardware. More left
  /// over than that means that the decoder lost its way and met the marker too early.
  static let paddingAllowed: Int32 = 256

  /// - Parameter warning: one of the `JWRN_` codes of `jerror.h`, and its parameter.
  static func finding(for warning: cjpeg_warning) -> Finding {
    switch J_MESSAGE_CODE(UInt32(warning.code)) {
    case JWRN_EXTRANEOUS_DATA where warning.largest_skip <= paddingAllowed:
      .harmless("extraneous bytes before a marker")
    case JWRN_EXTRANEOUS_DATA:
      .corrupt("\(warning.largest_skip) bytes of picture data were left over before a marker")
    case JWRN_JFIF_MAJOR: .harmless("unknown JFIF version")
    case JWRN_ADOBE_XFORM: .harmless("unknown Adobe colour transform")
    case JWRN_BOGUS_ICC: .harmless("unusable colour profile")
    case JWRN_NOT_SEQUENTIAL: .harmless("invalid scan parameters for a sequential JPEG")
    case JWRN_JPEG_EOF: .truncated("the JPEG data ends before its end marker")
    case JWRN_HIT_MARKER: .corrupt("a segment of JPEG data ends too early")
    case JWRN_HUFF_BAD_CODE, JWRN_ARITH_BAD_CODE: .corrupt("the JPEG data holds an impossible code")
    case JWRN_MUST_RESYNC: .corrupt("a JPEG restart marker is missing or out of order")
    case JWRN_BOGUS_PROGRESSION: .corrupt("the scans of the progressive JPEG do not fit together")
    default: .corrupt("libjpeg warning \(warning.code)")
    }
  }

  /// - Parameters:
  ///   - error: one of the `JERR_` codes of `jerror.h`.
  ///   - message: libjpeg's text for it.
  static func finding(forError error: Int32, message: String) -> Finding {
    switch J_MESSAGE_CODE(UInt32(error)) {
    case JERR_INPUT_EMPTY, JERR_INPUT_EOF:
      .truncated("there is no JPEG data")
    case JERR_ARITH_NOTIMPL, JERR_BAD_PRECISION, JERR_CCIR601_NOTIMPL, JERR_COMPONENT_COUNT,
      JERR_CONVERSION_NOTIMPL, JERR_EMPTY_IMAGE, JERR_FRACT_SAMPLE_NOTIMPL, JERR_IMAGE_TOO_BIG, JERR_NOTIMPL,
      JERR_NOT_COMPILED, JERR_NO_BACKING_STORE, JERR_OUT_OF_MEMORY, JERR_SOF_UNSUPPORTED, JERR_WIDTH_OVERFLOW:
      .unsupported("libjpeg says \"\(message)\"")
    default:
      .corrupt("libjpeg says \"\(message)\"")
    }
  }

  /// The harmless warnings of a decode, or the gravest thing it met as an error.
  ///
  /// That the data ended early explains whatever else went wrong, so it is named before anything else.
  static func warnings(of report: DecodeReport) throws(ImageError) -> [String] {
    var findings = report.warnings.map { finding(for: $0) }
    if let (code, message) = report.error { findings.append(finding(forError: code, message: message)) }
    for case .truncated(let detail) in findings { throw .truncated(detail) }
    for case .unsupported(let detail) in findings { throw .unsupported(detail) }
    for case .corrupt(let detail) in findings { throw .corrupt(detail) }
    var harmless: [String] = []
    for case .harmless(let phrase) in findings { harmless.append(phrase) }
    if report.lacksTables { harmless.append("no Huffman tables, standard ones used") }
    if report.trailingBytes > 0 { harmless.append("bytes after the end of the image") }
    return harmless
  }

  static func decode(_ image: RawImage) throws(ImageError) -> DecodedPicture {
    let header = report(header: image.bytes)
    guard header.width > 0 else {
      _ = try warnings(of: header)
      throw .corrupt("the JPEG has no frame header")
    }
    try image.checkHeader(width: header.width, height: header.height)
    guard header.components != 4 else {
      throw .unsupported("it is a CMYK JPEG; save it as RGB")
    }
    let (pixels, report) = pixels(of: image.bytes, width: header.width, height: header.height)
    let warnings = try warnings(of: report)
    return DecodedPicture(
      picture: Picture(width: header.width, height: header.height, pixels: pixels), warnings: warnings)
  }
}

extension Picture {
  /// The picture as a baseline JPEG with unreduced chroma (4:4:4).
  ///
  /// - Parameter quality: 1...100 on libjpeg's scale.
  /// - Throws: `unsupported` for another quality, `tooLarge` past the limits.
  public func jpegData(quality: Int) throws(ImageError) -> [UInt8] {
    guard (1...100).contains(quality) else {
      throw .unsupported("JPEG quality \(quality) does not exist; choose 1...100")
    }
    try Picture.checkSize(width: width, height: height)
    return try JPEGCodec.encode(self, quality: quality)
  }
}
