// AVX-512 with VNNI: 512-bit registers, 64 multiply-adds of unsigned activation by signed weight an instruction.
#if defined(__x86_64__)
#include <immintrin.h>

#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), apply_to = function)
#include "lanes.h"

#define CK_PATH avx512vnni
#define CK_NAME "avx512-vnni"
#define CK_ACTIVATION_OFFSET 128
enum { CK_ROWS = 12, CK_FLOAT_ROWS = 12, CK_PANELS = 2 };

CK_INLINE void dot_tile(const uint8_t *a, size_t stride, size_t rows, const int8_t *b, size_t panel_stride,
                        size_t groups, size_t panels, const int32_t *starts, int32_t *sums) {
  __m512i s[CK_ROWS][CK_PANELS];
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t p = 0; p < panels; p++)
      s[r][p] = _mm512_loadu_si512(starts + p * CK_LANES);
  for (size_t g = 0; g < groups; g++) {
    __m512i w[CK_PANELS];
#pragma unroll
    for (size_t p = 0; p < panels; p++) {
      w[p] = _mm512_loadu_si512(b + p * panel_stride + g * 64);
      prefetch(b + (panels + p) * panel_stride + g * 64);
    }
#pragma unroll
    for (size_t r = 0; r < rows; r++) {
      __m512i x = _mm512_set1_epi32(*(const int32_t *)(a + r * stride + g * 4));
#pragma unroll
      for (size_t p = 0; p < panels; p++) s[r][p] = _mm512_dpbusd_epi32(s[r][p], x, w[p]);
    }
  }
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t p = 0; p < panels; p++) _mm512_storeu_si512(sums + (r * panels + p) * CK_LANES, s[r][p]);
}

#define CK_DOT_PRODUCTS 64
typedef __m512i dot_vector;
CK_INLINE dot_vector dot_step(dot_vector s, dot_vector x, dot_vector w) { return _mm512_dpbusd_epi32(s, x, w); }

#include "kernels.inc"
#pragma clang attribute pop
#endif
