// NEON with the 8-bit matrix multiply extension (ARMv8.6): SMMLA multiplies 2 rows by 2 channels, 8 inputs each, twice the
// products of a dot product instruction.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#include "lanes.h"

#define CK_PATH neon_i8mm
#define CK_NAME "neon-i8mm"
#define CK_ACTIVATION_OFFSET 0
enum { CK_ROWS = 6, CK_FLOAT_ROWS = 6, CK_PANELS = 1 };

CK_INLINE void dot_tile(const uint8_t *a, size_t stride, size_t rows, const int8_t *b, size_t panel_stride,
                        size_t groups, size_t panels, const int32_t *starts, int32_t *sums) {
  (void)panel_stride, (void)panels, (void)starts;
  // s[p][c]: rows 2p and 2p + 1 by channels 2c and 2c + 1. Of an odd number of rows the last is computed twice.
  size_t pairs = (rows + 1) / 2;
  int32x4_t s[CK_ROWS / 2][8];
#pragma unroll
  for (size_t p = 0; p < pairs; p++)
#pragma unroll
    for (size_t c = 0; c < 8; c++) s[p][c] = vdupq_n_s32(0);
  for (size_t g = 0; g < groups; g += 2) {
    // Two groups of 4 inputs make the 8 that the instruction wants; a group that does not exist is zero.
    int whole = g + 1 < groups;
    int8x16_t w[8];
#pragma unroll
    for (size_t q = 0; q < 4; q++) {
      int32x4_t first = vreinterpretq_s32_s8(vld1q_s8(b + g * 64 + q * 16));
      int32x4_t second = whole ? vreinterpretq_s32_s8(vld1q_s8(b + g * 64 + 64 + q * 16)) : vdupq_n_s32(0);
      w[2 * q] = vreinterpretq_s8_s32(vzip1q_s32(first, second));
      w[2 * q + 1] = vreinterpretq_s8_s32(vzip2q_s32(first, second));
    }
#pragma unroll
    for (size_t p = 0; p < pairs; p++) {
      const uint8_t *upper = a + 2 * p * stride + g * 4;
      const uint8_t *lower = 2 * p + 1 < rows ? upper + stride : upper;
      int64_t x[2] = {0, 0};
      __builtin_memcpy(&x[0], upper, whole ? 8 : 4);
      __builtin_memcpy(&x[1], lower, whole ? 8 : 4);
      int8x16_t both = vreinterpretq_s8_s64(vcombine_s64(vcreate_s64((uint64_t)x[0]), vcreate_s64((uint64_t)x[1])));
#pragma unroll
      for (size_t c = 0; c < 8; c++) s[p][c] = vmmlaq_s32(s[p][c], both, w[c]);
    }
  }
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t c = 0; c < 8; c++)
      vst1_s32(sums + r * CK_LANES + c * 2, r % 2 == 0 ? vget_low_s32(s[r / 2][c]) : vget_high_s32(s[r / 2][c]));
}

#define CK_DOT_PRODUCTS 32
typedef int32x4_t dot_vector;
CK_INLINE dot_vector dot_step(dot_vector s, dot_vector x, dot_vector w) {
  return vmmlaq_s32(s, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
