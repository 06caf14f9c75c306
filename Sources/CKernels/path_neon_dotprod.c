// NEON with the dot product extension (ARMv8.2): four signed products into each 32-bit lane.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "lanes.h"

#define CK_PATH neon_dotprod
#define CK_NAME "neon-dotprod"
#define CK_ACTIVATION_OFFSET 0
enum { CK_ROWS = 6, CK_FLOAT_ROWS = 6, CK_PANELS = 1 };

CK_INLINE void dot_tile(const uint8_t *a, size_t stride, size_t rows, const int8_t *b, size_t panel_stride,
                        size_t groups, size_t panels, const int32_t *starts, int32_t *sums) {
  (void)panel_stride, (void)panels, (void)starts;
  int32x4_t s[CK_ROWS][4];
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t q = 0; q < 4; q++) s[r][q] = vdupq_n_s32(0);
  for (size_t g = 0; g < groups; g++) {
    int8x16_t w[4];
#pragma unroll
    for (size_t q = 0; q < 4; q++) w[q] = vld1q_s8(b + g * 64 + q * 16);
#pragma unroll
    for (size_t r = 0; r < rows; r++) {
      int8x16_t x = vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(a + r * stride + g * 4)));
#pragma unroll
      for (size_t q = 0; q < 4; q++) s[r][q] = vdotq_s32(s[r][q], x, w[q]);
    }
  }
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t q = 0; q < 4; q++) vst1q_s32(sums + r * CK_LANES + q * 4, s[r][q]);
}

#define CK_DOT_PRODUCTS 16
typedef int32x4_t dot_vector;
CK_INLINE dot_vector dot_step(dot_vector s, dot_vector x, dot_vector w) {
  return vdotq_s32(s, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
