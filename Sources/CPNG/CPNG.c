#include "CPNG.h"

#include <setjmp.h>
#include <string.h>

typedef struct {
  const uint8_t *next;
  size_t left;
  cpng_report *report;
  jmp_buf failed;
} reader;

static void copy_text(char *to, const char *from, size_t size) {
  strncpy(to, from, size - 1);
  to[size - 1] = 0;
}

static void note_failure(png_structp png, png_const_charp message) {
  reader *state = png_get_error_ptr(png);
  state->report->failed = 1;
  copy_text(state->report->message, message, sizeof state->report->message);
  longjmp(state->failed, 1);
}

static void note_warning(png_structp png, png_const_charp message) {
  cpng_report *report = ((reader *)png_get_error_ptr(png))->report;
  if (report->warnings++ == 0) copy_text(report->warning, message, sizeof report->warning);
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
  reader *state = png_get_io_ptr(png);
  if (count > state->left) {
    state->report->hit_end = 1;
    png_error(png, "the data ends inside a chunk");
  }
  memcpy(to, state->next, count);
  state->next += count;
  state->left -= count;
}

static void decode(png_structp png, png_infop info, int32_t keep_16_bits, uint8_t *pixels, reader *state) {
  cpng_report *report = state->report;
  png_set_read_fn(png, state, read_bytes);
  // Text, profiles, gamma and the like are skipped unread: they are not wanted and are a way to be attacked.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(png, info);
  report->width = png_get_image_width(png, info);
  report->height = png_get_image_height(png, info);
  report->bits = png_get_bit_depth(png, info);
  if (!pixels) return;

  if (!keep_16_bits) png_set_strip_16(png);
  png_set_expand(png);  // palette to RGB, 1, 2 and 4 bits to 8
  png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row_bytes = (size_t)report->width * 3 * (keep_16_bits && report->bits == 16 ? 2 : 1);
  if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "the rows do not have the size of RGB rows");
  for (int pass = 0; pass < passes; pass++)
    for (uint32_t y = 0; y < report->height; y++) png_read_row(png, pixels + y * row_bytes, NULL);
  png_read_end(png, NULL);
  report->trailing_bytes = state->left;
}

void cpng_decode(const uint8_t *bytes, size_t size, int32_t keep_16_bits, uint8_t *pixels, cpng_report *report) {
  reader state = {.next = bytes, .left = size, .report = report};
  memset(report, 0, sizeof *report);
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, note_failure, note_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    report->failed = 1;
    copy_text(report->message, "libpng cannot start", sizeof report->message);
  } else if (setjmp(state.failed) == 0) {
    decode(png, info, keep_16_bits, pixels, &state);
  }
  png_destroy_read_struct(&png, &info, NULL);
}
