// Plain C for any processor: the arithmetic the other paths are compared with. Where the processor has no fused
// multiply-add, the compiler calls the C library's, which gives the same bits slowly.
#include "lanes.h"

#define CK_PATH portable
#define CK_NAME "portable"
#define CK_ACTIVATION_OFFSET 0
enum { CK_ROWS = 2, CK_FLOAT_ROWS = 2, CK_PANELS = 1 };

CK_INLINE void dot_tile(const uint8_t *a, size_t stride, size_t rows, const int8_t *b, size_t panel_stride,
                        size_t groups, size_t panels, const int32_t *starts, int32_t *sums) {
  (void)panel_stride, (void)panels, (void)starts;
  for (size_t r = 0; r < rows; r++) {
    const int8_t *x = (const int8_t *)a + r * stride;
    for (size_t c = 0; c < CK_LANES; c++) {
      int32_t sum = 0;
      for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < 4; i++) sum += x[g * 4 + i] * b[g * 64 + c * 4 + i];
      sums[r * CK_LANES + c] = sum;
    }
  }
}

#include "kernels.inc"
