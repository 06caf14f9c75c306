package import CVideo4Linux

/// A V4L2 ioctl and the type of its argument, one of the C structures of `<linux/videodev2.h>`.
package struct VideoRequest<Argument> {
  package let name: String
  package let code: UInt

  fileprivate init(_ name: String, _ code: UInt) {
    self.name = name
    self.code = code
  }
}

extension VideoRequest<v4l2_capability> {
  package static var queryCapability: VideoRequest<v4l2_capability> { Self("VIDIOC_QUERYCAP", CV4L_QUERYCAP) }
}

extension VideoRequest<v4l2_input> {
  package static var enumerateInput: VideoRequest<v4l2_input> { Self("VIDIOC_ENUMINPUT", CV4L_ENUMINPUT) }
}

extension VideoRequest<Int32> {
  package static var getInput: VideoRequest<Int32> { Self("VIDIOC_G_INPUT", CV4L_G_INPUT) }
  package static var setInput: VideoRequest<Int32> { Self("VIDIOC_S_INPUT", CV4L_S_INPUT) }
  /// The argument is a `v4l2_buf_type`.
  package static var streamOn: VideoRequest<Int32> { Self("VIDIOC_STREAMON", CV4L_STREAMON) }
  /// The argument is a `v4l2_buf_type`.
  package static var streamOff: VideoRequest<Int32> { Self("VIDIOC_STREAMOFF", CV4L_STREAMOFF) }
}

extension VideoRequest<v4l2_fmtdesc> {
  package static var enumerateFormat: VideoRequest<v4l2_fmtdesc> { Self("VIDIOC_ENUM_FMT", CV4L_ENUM_FMT) }
}

extension VideoRequest<v4l2_frmsizeenum> {
  package static var enumerateFrameSize: VideoRequest<v4l2_frmsizeenum> {
    Self("VIDIOC_ENUM_FRAMESIZES", CV4L_ENUM_FRAMESIZES)
  }
}

extension VideoRequest<v4l2_frmivalenum> {
  package static var enumerateFrameInterval: VideoRequest<v4l2_frmivalenum> {
    Self("VIDIOC_ENUM_FRAMEINTERVALS", CV4L_ENUM_FRAMEINTERVALS)
  }
}

extension VideoRequest<v4l2_format> {
  package static var getFormat: VideoRequest<v4l2_format> { Self("VIDIOC_G_FMT", CV4L_G_FMT) }
  package static var setFormat: VideoRequest<v4l2_format> { Self("VIDIOC_S_FMT", CV4L_S_FMT) }
}

extension VideoRequest<v4l2_streamparm> {
  package static var getParameters: VideoRequest<v4l2_streamparm> { Self("VIDIOC_G_PARM", CV4L_G_PARM) }
  package static var setParameters: VideoRequest<v4l2_streamparm> { Self("VIDIOC_S_PARM", CV4L_S_PARM) }
}

extension VideoRequest<v4l2_requestbuffers> {
  package static var requestBuffers: VideoRequest<v4l2_requestbuffers> {
    Self("VIDIOC_REQBUFS", CV4L_REQBUFS)
  }
}

extension VideoRequest<v4l2_buffer> {
  package static var queryBuffer: VideoRequest<v4l2_buffer> { Self("VIDIOC_QUERYBUF", CV4L_QUERYBUF) }
  package static var queue: VideoRequest<v4l2_buffer> { Self("VIDIOC_QBUF", CV4L_QBUF) }
  package static var dequeue: VideoRequest<v4l2_buffer> { Self("VIDIOC_DQBUF", CV4L_DQBUF) }
}

extension VideoRequest<v4l2_queryctrl> {
  package static var queryControl: VideoRequest<v4l2_queryctrl> { Self("VIDIOC_QUERYCTRL", CV4L_QUERYCTRL) }
}

extension VideoRequest<v4l2_querymenu> {
  package static var queryMenu: VideoRequest<v4l2_querymenu> { Self("VIDIOC_QUERYMENU", CV4L_QUERYMENU) }
}

extension VideoRequest<v4l2_ext_controls> {
  package static var getControls: VideoRequest<v4l2_ext_controls> {
    Self("VIDIOC_G_EXT_CTRLS", CV4L_G_EXT_CTRLS)
  }
  package static var setControls: VideoRequest<v4l2_ext_controls> {
    Self("VIDIOC_S_EXT_CTRLS", CV4L_S_EXT_CTRLS)
  }
}

extension VideoRequest<v4l2_event_subscription> {
  package static var subscribeEvent: VideoRequest<v4l2_event_subscription> {
    Self("VIDIOC_SUBSCRIBE_EVENT", CV4L_SUBSCRIBE_EVENT)
  }
}

extension VideoRequest<v4l2_event> {
  package static var dequeueEvent: VideoRequest<v4l2_event> { Self("VIDIOC_DQEVENT", CV4L_DQEVENT) }
}
