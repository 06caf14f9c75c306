#include "CJPEG.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// A progressive file of a few kilobytes can ask for thousands of passes over the whole picture; real ones have
// about ten.
enum { MAX_SCANS = 100 };

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf failed;
  cjpeg_report *report;
} error_manager;

static void note_failure(j_common_ptr info) {
  error_manager *manager = (error_manager *)info->err;
  manager->report->error = info->err->msg_code;
  info->err->format_message(info, manager->report->message);
  longjmp(manager->failed, 1);
}

static void note_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace, not a warning
  cjpeg_report *report = ((error_manager *)info->err)->report;
  int kind = 0;
  while (kind < report->warning_kinds && report->warnings[kind].code != info->err->msg_code) kind++;
  if (kind == CJPEG_WARNING_KINDS) return;
  if (kind == report->warning_kinds) {
    report->warning_kinds++;
    report->warnings[kind].code = info->err->msg_code;
  }
  cjpeg_warning *warning = &report->warnings[kind];
  warning->count++;
  int in_scan = info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > 0;
  int skipped = info->err->msg_parm.i[0];
  if (info->err->msg_code == JWRN_EXTRANEOUS_DATA && in_scan && skipped > warning->largest_skip)
    warning->largest_skip = skipped;
}

static void limit_scans(j_common_ptr info) {
  if (((j_decompress_ptr)info)->input_scan_number > MAX_SCANS) ERREXIT(info, JERR_EOI_EXPECTED);
}

static void prepare(error_manager *manager, cjpeg_report *report) {
  memset(report, 0, sizeof *report);
  manager->report = report;
  jpeg_std_error(&manager->base);
  manager->base.error_exit = note_failure;
  manager->base.emit_message = note_message;
}

void cjpeg_decode(const uint8_t *bytes, size_t size, uint8_t *pixels, cjpeg_report *report) {
  struct jpeg_decompress_struct info;
  struct jpeg_progress_mgr progress = {.progress_monitor = limit_scans};
  error_manager manager;
  memset(&info, 0, sizeof info);
  prepare(&manager, report);
  info.err = &manager.base;
  if (setjmp(manager.failed) == 0) {
    jpeg_create_decompress(&info);
    info.progress = &progress;
    jpeg_mem_src(&info, bytes, size);
    jpeg_read_header(&info, TRUE);
    report->width = (int32_t)info.image_width;
    report->height = (int32_t)info.image_height;
    report->components = info.num_components;
    report->lacks_tables = !info.arith_code && !info.dc_huff_tbl_ptrs[0] && !info.ac_huff_tbl_ptrs[0];
    if (pixels) {
      info.out_color_space = JCS_RGB;
      jpeg_start_decompress(&info);
      while (info.output_scanline < info.output_height) {
        JSAMPROW row = pixels + (size_t)info.output_scanline * info.output_width * 3;
        jpeg_read_scanlines(&info, &row, 1);
      }
      jpeg_finish_decompress(&info);
      report->trailing_bytes = info.src->bytes_in_buffer;
    }
  }
  jpeg_destroy_decompress(&info);
}

size_t cjpeg_encode(const uint8_t *pixels, int32_t width, int32_t height, int32_t quality, uint8_t *bytes,
                    size_t capacity, cjpeg_report *report) {
  struct jpeg_compress_struct info;
  error_manager manager;
  // Changed between setjmp and longjmp, so they must not live in registers.
  struct { unsigned char *bytes; unsigned long size; } volatile output = {bytes, capacity};
  memset(&info, 0, sizeof info);
  prepare(&manager, report);
  info.err = &manager.base;
  if (setjmp(manager.failed) == 0) {
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, (unsigned char **)&output.bytes, (unsigned long *)&output.size);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    for (int i = 0; i < info.num_components; i++)
      info.comp_info[i].h_samp_factor = info.comp_info[i].v_samp_factor = 1;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      JSAMPROW row = (JSAMPROW)pixels + (size_t)info.next_scanline * info.image_width * 3;
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    if (output.bytes != bytes) {  // libjpeg took a larger buffer of its own
      free(output.bytes);
      ERREXIT(&info, JERR_BUFFER_SIZE);
    }
  }
  jpeg_destroy_compress(&info);
  return report->error == 0 ? output.size : 0;
}
