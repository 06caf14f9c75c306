// AVX-VNNI: the same multiply-add in 256-bit registers, on desktop and embedded processors without AVX-512.
#if defined(__x86_64__)
#include <immintrin.h>

#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#include "lanes.h"

#define CK_PATH avxvnni
#define CK_NAME "avx-vnni"
#define CK_ACTIVATION_OFFSET 128
enum { CK_ROWS = 6, CK_FLOAT_ROWS = 6, CK_PANELS = 1 };

CK_INLINE void dot_tile(const uint8_t *a, size_t stride, size_t rows, const int8_t *b, size_t panel_stride,
                        size_t groups, size_t panels, const int32_t *starts, int32_t *sums) {
  (void)panels;
  __m256i s[CK_ROWS][2];
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t h = 0; h < 2; h++)
      s[r][h] = _mm256_loadu_si256((const __m256i *)(starts + h * 8));
  for (size_t g = 0; g < groups; g++) {
    prefetch(b + panel_stride + g * 64);
    __m256i low = _mm256_loadu_si256((const __m256i *)(b + g * 64));
    __m256i high = _mm256_loadu_si256((const __m256i *)(b + g * 64 + 32));
#pragma unroll
    for (size_t r = 0; r < rows; r++) {
      __m256i x = _mm256_set1_epi32(*(const int32_t *)(a + r * stride + g * 4));
      s[r][0] = _mm256_dpbusd_avx_epi32(s[r][0], x, low);
      s[r][1] = _mm256_dpbusd_avx_epi32(s[r][1], x, high);
    }
  }
#pragma unroll
  for (size_t r = 0; r < rows; r++) {
    _mm256_storeu_si256((__m256i *)(sums + r * CK_LANES), s[r][0]);
    _mm256_storeu_si256((__m256i *)(sums + r * CK_LANES + 8), s[r][1]);
  }
}

#define CK_DOT_PRODUCTS 32
typedef __m256i dot_vector;
CK_INLINE dot_vector dot_step(dot_vector s, dot_vector x, dot_vector w) { return _mm256_dpbusd_avx_epi32(s, x, w); }

#include "kernels.inc"
#pragma clang attribute pop
#endif
