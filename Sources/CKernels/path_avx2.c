// AVX2: bytes are widened to 16 bits and multiplied with VPMADDWD, which is exact. VPMADDUBSW would be twice as fast
// but saturates its 16-bit sums.
#if defined(__x86_64__)
#include <immintrin.h>

#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "lanes.h"

#define CK_PATH avx2
#define CK_NAME "avx2"
#define CK_ACTIVATION_OFFSET 0
enum { CK_ROWS = 3, CK_FLOAT_ROWS = 6, CK_PANELS = 1 };

CK_INLINE void dot_tile(const uint8_t *a, size_t stride, size_t rows, const int8_t *b, size_t panel_stride,
                        size_t groups, size_t panels, const int32_t *starts, int32_t *sums) {
  (void)panel_stride, (void)panels, (void)starts;
  // s[r][q]: channels 4q ... 4q + 3, two partial sums each.
  __m256i s[CK_ROWS][4];
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t q = 0; q < 4; q++) s[r][q] = _mm256_setzero_si256();
  for (size_t g = 0; g < groups; g++) {
    __m256i x[CK_ROWS];
#pragma unroll
    for (size_t r = 0; r < rows; r++) {
      __m128i four = _mm_cvtepi8_epi16(_mm_loadu_si32(a + r * stride + g * 4));
      x[r] = _mm256_broadcastq_epi64(four);
    }
#pragma unroll
    for (size_t q = 0; q < 4; q++) {
      __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(b + g * 64 + q * 16)));
#pragma unroll
      for (size_t r = 0; r < rows; r++) s[r][q] = _mm256_add_epi32(s[r][q], _mm256_madd_epi16(x[r], w));
    }
  }
#pragma unroll
  for (size_t r = 0; r < rows; r++)
#pragma unroll
    for (size_t h = 0; h < 2; h++) {
      // HADD adds within 128-bit halves: channels 0 1 4 5 | 2 3 6 7, put in order afterwards.
      __m256i sum = _mm256_hadd_epi32(s[r][2 * h], s[r][2 * h + 1]);
      sum = _mm256_permute4x64_epi64(sum, _MM_SHUFFLE(3, 1, 2, 0));
      _mm256_storeu_si256((__m256i *)(sums + r * CK_LANES + h * 8), sum);
    }
}

#define CK_DOT_PRODUCTS 16
typedef __m256i dot_vector;
CK_INLINE dot_vector dot_step(dot_vector s, dot_vector x, dot_vector w) {
  return _mm256_add_epi32(s, _mm256_madd_epi16(x, w));
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
