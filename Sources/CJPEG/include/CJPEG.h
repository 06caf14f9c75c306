// libjpeg reports errors by a function that must not return, so each of these calls holds the setjmp for a whole
// decode or encode; nothing ever jumps across Swift. No state outlives a call: any thread may call at any time.
#ifndef ASSAYD_CJPEG_H
#define ASSAYD_CJPEG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

// libjpeg has fewer kinds of warning than this.
enum { CJPEG_WARNING_KINDS = 16 };

typedef struct {
  int32_t code;          // a JWRN_ code of jerror.h
  int32_t count;         // how often it came
  int32_t largest_skip;  // JWRN_EXTRANEOUS_DATA inside a scan: the most bytes skipped before one marker
} cjpeg_warning;

typedef struct {
  int32_t width, height, components;
  int32_t lacks_tables;   // the stream has no Huffman tables, as Motion JPEG allows
  size_t trailing_bytes;  // left over after the end-of-image marker
  int32_t warning_kinds;
  cjpeg_warning warnings[CJPEG_WARNING_KINDS];
  int32_t error;  // a JERR_ code of jerror.h; 0 where all went well
  char message[JMSG_LENGTH_MAX];
} cjpeg_report;

// Reads the header and, where `pixels` is not NULL, decodes width * height * 3 bytes of RGB into it.
void cjpeg_decode(const uint8_t *bytes, size_t size, uint8_t *pixels, cjpeg_report *report);

// Encodes RGB as baseline 4:4:4 and returns the length of the file, 0 where `report->error` is not 0. Six bytes a
// pixel of the picture rounded up to whole 8 x 8 blocks, and 2048 more, are always enough for `bytes`.
size_t cjpeg_encode(const uint8_t *pixels, int32_t width, int32_t height, int32_t quality, uint8_t *bytes,
                    size_t capacity, cjpeg_report *report);

#endif
