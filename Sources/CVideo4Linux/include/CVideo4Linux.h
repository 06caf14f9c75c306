// What Swift needs of <linux/videodev2.h> and cannot import: the variadic ioctl, the request codes, which are
// function-like macros, and the kernel's own rules for colour defaults, which are macros too.
#ifndef ASSAYD_CVIDEO4LINUX_H
#define ASSAYD_CVIDEO4LINUX_H

#include <linux/videodev2.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>

static const unsigned long CV4L_QUERYCAP = VIDIOC_QUERYCAP;
static const unsigned long CV4L_ENUMINPUT = VIDIOC_ENUMINPUT;
static const unsigned long CV4L_G_INPUT = VIDIOC_G_INPUT;
static const unsigned long CV4L_S_INPUT = VIDIOC_S_INPUT;
static const unsigned long CV4L_ENUM_FMT = VIDIOC_ENUM_FMT;
static const unsigned long CV4L_ENUM_FRAMESIZES = VIDIOC_ENUM_FRAMESIZES;
static const unsigned long CV4L_ENUM_FRAMEINTERVALS = VIDIOC_ENUM_FRAMEINTERVALS;
static const unsigned long CV4L_G_FMT = VIDIOC_G_FMT;
static const unsigned long CV4L_S_FMT = VIDIOC_S_FMT;
static const unsigned long CV4L_G_PARM = VIDIOC_G_PARM;
static const unsigned long CV4L_S_PARM = VIDIOC_S_PARM;
static const unsigned long CV4L_REQBUFS = VIDIOC_REQBUFS;
static const unsigned long CV4L_QUERYBUF = VIDIOC_QUERYBUF;
static const unsigned long CV4L_QBUF = VIDIOC_QBUF;
static const unsigned long CV4L_DQBUF = VIDIOC_DQBUF;
static const unsigned long CV4L_STREAMON = VIDIOC_STREAMON;
static const unsigned long CV4L_STREAMOFF = VIDIOC_STREAMOFF;
static const unsigned long CV4L_QUERYCTRL = VIDIOC_QUERYCTRL;
static const unsigned long CV4L_QUERYMENU = VIDIOC_QUERYMENU;
static const unsigned long CV4L_G_EXT_CTRLS = VIDIOC_G_EXT_CTRLS;
static const unsigned long CV4L_S_EXT_CTRLS = VIDIOC_S_EXT_CTRLS;
static const unsigned long CV4L_SUBSCRIBE_EVENT = VIDIOC_SUBSCRIBE_EVENT;
static const unsigned long CV4L_DQEVENT = VIDIOC_DQEVENT;

// ioctl(2), again when a signal interrupts it. Returns 0 or the errno.
int cv4l_ioctl(int descriptor, unsigned long request, void *argument);

// ppoll(2) with a relative time limit in nanoseconds, negative for none. Returns the count of ready descriptors,
// 0 when the time is up or a signal came, or the errno, negated.
int cv4l_poll(struct pollfd *descriptors, unsigned long count, int64_t nanoseconds);

// The class of a control, from its id.
uint32_t cv4l_control_class(uint32_t id);

// What V4L2_YCBCR_ENC_DEFAULT and V4L2_QUANTIZATION_DEFAULT stand for in a colour space, for Y'CbCr formats.
uint32_t cv4l_default_ycbcr_encoding(uint32_t colorspace);
uint32_t cv4l_default_quantization(uint32_t colorspace);

#endif
