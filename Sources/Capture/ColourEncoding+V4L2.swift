import CVideo4Linux
import Imaging

extension ColourEncoding {
  /// How Y'CbCr samples are to be read, from the `colorspace`, `ycbcr_enc` and `quantization` fields; what they leave
  /// open follows the kernel's own rules (V4L2_MAP_YCBCR_ENC_DEFAULT, V4L2_MAP_QUANTIZATION_DEFAULT).
  init(_ pix: v4l2_pix_format) {
    // Without the magic number the extended fields hold nothing.
    let extended = pix.priv == V4L2_PIX_FMT_PRIV_MAGIC
    var encoding = extended ? pix.ycbcr_enc : 0
    if encoding == V4L2_YCBCR_ENC_DEFAULT.rawValue { encoding = cv4l_default_ycbcr_encoding(pix.colorspace) }
    var quantization = extended ? pix.quantization : 0
    if quantization == V4L2_QUANTIZATION_DEFAULT.rawValue {
      quantization = cv4l_default_quantization(pix.colorspace)
    }
    let matrix: Matrix =
      switch encoding {
      // SMPTE 240M is close to BT.709, and no camera made now uses it.
      case V4L2_YCBCR_ENC_709.rawValue, V4L2_YCBCR_ENC_XV709.rawValue, V4L2_YCBCR_ENC_SMPTE240M.rawValue:
        .bt709
      case V4L2_YCBCR_ENC_BT2020.rawValue, V4L2_YCBCR_ENC_BT2020_CONST_LUM.rawValue: .bt2020
      default: .bt601
      }
    self.init(
      matrix: matrix, range: quantization == V4L2_QUANTIZATION_FULL_RANGE.rawValue ? .full : .limited)
  }
}
