#define _GNU_SOURCE
#include "CVideo4Linux.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <time.h>

int cv4l_ioctl(int descriptor, unsigned long request, void *argument) {
  int result;
  do {
    result = ioctl(descriptor, request, argument);
  } while (result == -1 && errno == EINTR);
  return result == -1 ? errno : 0;
}

int cv4l_poll(struct pollfd *descriptors, unsigned long count, int64_t nanoseconds) {
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int ready = ppoll(descriptors, count, nanoseconds < 0 ? NULL : &limit, NULL);
  if (ready >= 0) return ready;
  return errno == EINTR ? 0 : -errno;
}

uint32_t cv4l_control_class(uint32_t id) { return V4L2_CTRL_ID2CLASS(id); }

uint32_t cv4l_default_ycbcr_encoding(uint32_t colorspace) { return V4L2_MAP_YCBCR_ENC_DEFAULT(colorspace); }

uint32_t cv4l_default_quantization(uint32_t colorspace) {
  return V4L2_MAP_QUANTIZATION_DEFAULT(0, colorspace, 0);
}
