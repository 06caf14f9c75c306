import CVideo4Linux
import Imaging
import Testing

@testable import Capture

/// Drivers say what their colours mean in three fields, each of which may be left to a default that depends on the
/// others. The expected answers are those of the V4L2 documentation, "Detailed Colorspace Descriptions".
@Suite struct ColourEncodingTests {
  struct Row: Sendable {
    let space: v4l2_colorspace
    var encoding = V4L2_YCBCR_ENC_DEFAULT
    var quantization = V4L2_QUANTIZATION_DEFAULT
    let expected: ColourEncoding

    init(
      _ space: v4l2_colorspace, _ encoding: v4l2_ycbcr_encoding = V4L2_YCBCR_ENC_DEFAULT,
      _ quantization: v4l2_quantization = V4L2_QUANTIZATION_DEFAULT, is matrix: ColourEncoding.Matrix,
      _ range: ColourEncoding.Range
    ) {
      self.space = space
      self.encoding = encoding
      self.quantization = quantization
      expected = ColourEncoding(matrix: matrix, range: range)
    }
  }

  @Test(arguments: [
    Row(V4L2_COLORSPACE_DEFAULT, is: .bt601, .limited),
    Row(V4L2_COLORSPACE_SMPTE170M, is: .bt601, .limited),
    Row(V4L2_COLORSPACE_REC709, is: .bt709, .limited),
    Row(V4L2_COLORSPACE_SRGB, is: .bt601, .limited),
    Row(V4L2_COLORSPACE_BT2020, is: .bt2020, .limited),
    Row(V4L2_COLORSPACE_DCI_P3, is: .bt709, .limited),
    Row(V4L2_COLORSPACE_SMPTE240M, is: .bt709, .limited),
    Row(V4L2_COLORSPACE_JPEG, is: .bt601, .full),
    // Said outright.
    Row(V4L2_COLORSPACE_SRGB, V4L2_YCBCR_ENC_709, V4L2_QUANTIZATION_FULL_RANGE, is: .bt709, .full),
    Row(V4L2_COLORSPACE_JPEG, V4L2_YCBCR_ENC_XV709, V4L2_QUANTIZATION_LIM_RANGE, is: .bt709, .limited),
    Row(V4L2_COLORSPACE_REC709, V4L2_YCBCR_ENC_BT2020_CONST_LUM, is: .bt2020, .limited),
    Row(V4L2_COLORSPACE_REC709, V4L2_YCBCR_ENC_601, is: .bt601, .limited),
  ])
  func followsTheDocumentation(row: Row) {
    var pix = v4l2_pix_format()
    pix.colorspace = row.space.rawValue
    pix.ycbcr_enc = row.encoding.rawValue
    pix.quantization = row.quantization.rawValue
    pix.priv = V4L2_PIX_FMT_PRIV_MAGIC
    #expect(ColourEncoding(pix) == row.expected)
  }

  @Test func extendedFieldsWithoutTheMagicNumberSayNothing() {
    var pix = v4l2_pix_format()
    pix.colorspace = V4L2_COLORSPACE_SRGB.rawValue
    pix.ycbcr_enc = V4L2_YCBCR_ENC_709.rawValue
    pix.quantization = V4L2_QUANTIZATION_FULL_RANGE.rawValue
    #expect(ColourEncoding(pix) == ColourEncoding(matrix: .bt601, range: .limited))
  }
}
