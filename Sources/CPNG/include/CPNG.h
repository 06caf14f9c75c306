// libpng reports errors by a function that must not return, so this call holds the setjmp for a whole decode;
// nothing ever jumps across Swift. No state outlives a call: any thread may call at any time.
#ifndef ASSAYD_CPNG_H
#define ASSAYD_CPNG_H

#include <stddef.h>
#include <stdint.h>

#include <png.h>

typedef struct {
  uint32_t width, height;
  int32_t bits;           // per sample in the file: 1, 2, 4, 8 or 16
  size_t trailing_bytes;  // left over after the IEND chunk
  int32_t warnings;       // how many
  char warning[128];      // the first
  int32_t failed;
  int32_t hit_end;  // the data ended before the picture did
  char message[128];
} cpng_report;

// Reads the header and, where `pixels` is not NULL, decodes the picture into it as interleaved RGB: 3 bytes a
// pixel, or, with `keep_16_bits`, 6 bytes for a 16-bit file. Otherwise the low byte of 16 is dropped. Alpha and
// colour-space chunks have no influence.
void cpng_decode(const uint8_t *bytes, size_t size, int32_t keep_16_bits, uint8_t *pixels, cpng_report *report);

#endif
