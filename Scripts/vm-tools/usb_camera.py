"""A USB camera made of software: usb_camera.py --serial NUMBER --pictures FOLDER [--rate FPS] [--control FIFO] [--state FILE]

Plays a USB Video Class 1.1 camera with a bulk endpoint to the kernel's own uvcvideo driver, over USB/IP: vhci-hcd is handed one end
of a socket and takes this program for a device on the wire. It sends the folder's JPEG files as MJPEG frames, again and again.

What it does is told through the FIFO, a word a line:
  plug, unplug       the cable
  silent, speak      frames stop and go on, the device stays
  truncated N        the next N frames end in the middle of the picture
  garbage N          the next N frames are noise
  torn N             the next N frames carry the error bit in the header of their last payload
  forgetful          exposure and gain go back to their defaults whenever the stream starts, as with some real cameras
The state file is rewritten whenever something changes: {"plugged":, "streams":, "exposure_time":, "gain":, "sent": {kind: frames}}.

Sources: USB Device Class Definition for Video Devices 1.1; USB 2.0 chapter 9; the kernel's Documentation/usb/usbip_protocol.rst.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import selectors
import socket
import struct
import time

VHCI = pathlib.Path("/sys/devices/platform/vhci_hcd.0")
HIGH_SPEED = 3
EPIPE, ECONNRESET = 32, 104

# USB/IP: all numbers big-endian. Each message begins with command, sequence number, device, direction, endpoint.
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
HEADER = struct.Struct(">5I")
HEADER_BYTES = 48

# Of the class definition.
SET_CUR, GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF = 0x01, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
PROBE, COMMIT = 1, 2
CONTROL_INTERFACE, STREAMING_INTERFACE = 0, 1
CAMERA, PROCESSING, OUTPUT = 1, 2, 3  # numbers of the units
ENDPOINT = 0x81
# Thirty-two packets of 512 bytes are what uvcvideo puts into one request, so each payload fills one.
PAYLOAD = 32 * 512
FRAME_ID, END_OF_FRAME, PAYLOAD_ERROR, END_OF_HEADER = 0x01, 0x02, 0x40, 0x80


class Control:
    """A setting of the camera: selector and unit as the class definition numbers them."""

    def __init__(self, unit, selector, size, minimum, maximum, resolution, default):
        self.key, self.size, self.default, self.current = (unit, selector), size, default, default
        self.answers = {GET_MIN: minimum, GET_MAX: maximum, GET_RES: resolution, GET_DEF: default}

    def get(self, request):
        if request == GET_LEN:
            return struct.pack("<H", self.size)
        if request == GET_INFO:
            return b"\x03"  # can be read, can be set
        value = self.current if request == GET_CUR else self.answers.get(request)
        return None if value is None else value.to_bytes(self.size, "little", signed=value < 0)

    def set(self, data):
        self.current = int.from_bytes(data[: self.size], "little")


class Descriptors:
    """What the camera says of itself when it is enumerated."""

    def __init__(self, serial, size, rates):
        self.strings = ["", "Example", "Inspection Camera", serial]
        self.width, self.height = size
        self.intervals = [round(1e7 / rate) for rate in rates]
        self.frame_bytes = self.width * self.height * 2
        self.device = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xEF, 2, 1, 64, 0x1209, 0x0001, 0x0100, 1, 2, 3, 1)
        self.configuration = self.make_configuration()

    def make_configuration(self):
        units = struct.pack("<BBBBHBBHHHB3s", 18, 0x24, 2, CAMERA, 0x0201, 0, 0, 0, 0, 0, 3, b"\x0a\x00\x00")
        units += struct.pack("<BBBBBHB2sBB", 12, 0x24, 5, PROCESSING, CAMERA, 0, 2, b"\x01\x02", 0, 0)
        units += struct.pack("<BBBBHBBB", 9, 0x24, 3, OUTPUT, 0x0101, 0, PROCESSING, 0)
        control = struct.pack("<BBBBBBBBB", 9, 4, CONTROL_INTERFACE, 0, 0, 14, 1, 0, 2)
        control += struct.pack("<BBBHHIBB", 13, 0x24, 1, 0x0110, 13 + len(units), 6_000_000, 1, STREAMING_INTERFACE) + units
        formats = struct.pack("<BBBBBBBBBBB", 11, 0x24, 6, 1, 1, 0, 1, 0, 0, 0, 0)
        fastest, slowest = min(self.intervals), max(self.intervals)
        formats += struct.pack(
            f"<BBBBBHHIIIIB{len(self.intervals)}I", 26 + 4 * len(self.intervals), 0x24, 7, 1, 0, self.width, self.height,
            self.frame_bytes * 8 * 10_000_000 // slowest, self.frame_bytes * 8 * 10_000_000 // fastest, self.frame_bytes, fastest,
            len(self.intervals), *self.intervals)
        formats += struct.pack("<6B", 6, 0x24, 13, 1, 1, 4)
        streaming = struct.pack("<BBBBBBBBB", 9, 4, STREAMING_INTERFACE, 0, 1, 14, 2, 0, 0)
        streaming += struct.pack("<BBBBHBBBBBBBB", 14, 0x24, 1, 1, 14 + len(formats), ENDPOINT, 0, OUTPUT, 0, 0, 0, 1, 0)
        streaming += formats + struct.pack("<BBBBHB", 7, 5, ENDPOINT, 2, 512, 0)
        association = struct.pack("<8B", 8, 11, CONTROL_INTERFACE, 2, 14, 3, 0, 2)
        body = association + control + streaming
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 2, 1, 0, 0x80, 250) + body

    def answer(self, kind, index):
        if kind == 1:
            return self.device
        if kind == 2:
            return self.configuration
        if kind == 3 and index < len(self.strings):
            text = self.strings[index].encode("utf-16-le") if index else struct.pack("<H", 0x0409)
            return struct.pack("<BB", 2 + len(text), 3) + text
        return None


class Camera:
    def __init__(self, options):
        self.options = options
        files = sorted(pathlib.Path(options.pictures).glob("*.jpg"))
        self.pictures = [file.read_bytes() for file in files]
        if not self.pictures:
            raise SystemExit(f"{options.pictures} holds no .jpg files")
        self.descriptors = Descriptors(options.serial, options.size, [options.rate, options.rate / 2])
        self.exposure_mode = Control(CAMERA, 2, 1, 1, 8, 9, 8)  # automatic by default; 1 is manual
        self.exposure = Control(CAMERA, 4, 4, 1, 10_000, 1, 156)
        self.brightness = Control(PROCESSING, 2, 2, -64, 64, 1, 0)
        self.gain = Control(PROCESSING, 4, 2, 0, 100, 1, 10)
        self.controls = {c.key: c for c in (self.exposure_mode, self.exposure, self.brightness, self.gain)}
        self.selector = selectors.DefaultSelector()
        self.random = random.Random(1)
        self.link = None
        self.interval = min(self.descriptors.intervals)
        self.sent = collections.Counter()
        self.next_kinds = collections.deque()
        self.number = self.streams = 0
        self.is_silent = self.is_forgetful = False
        self.frame_id = 0
        self.restart()

    def restart(self):
        self.requests = collections.OrderedDict()  # bulk requests waiting for data: sequence number -> bytes wanted
        self.payloads = collections.deque()
        self.due = time.monotonic()
        self.incoming = b""

    # --- the cable

    def plug(self):
        if self.link:
            return
        ours, theirs = socket.socketpair()
        for line in (VHCI / "status").read_text().splitlines()[1:]:
            hub, port, state = line.split()[:3]
            if hub == "hs" and state == "004":
                break
        else:
            raise SystemExit("vhci-hcd has no free port")
        (VHCI / "attach").write_text(f"{int(port)} {theirs.fileno()} {(1 << 16) + int(port) + 1} {HIGH_SPEED}")
        theirs.close()
        self.link = ours
        for control in self.controls.values():
            control.current = control.default
        self.restart()
        self.selector.register(ours, selectors.EVENT_READ, self.receive)
        self.tell()

    def unplug(self):
        if not self.link:
            return
        self.selector.unregister(self.link)
        # Closing alone leaves the peer waiting while data is under way.
        self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()
        self.link = None
        self.tell()

    # --- the protocol

    def receive(self):
        if not self.link:
            return  # pulled out in the same round
        try:
            data = self.link.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            return self.unplug()
        self.incoming += data
        while len(self.incoming) >= HEADER_BYTES:
            command, sequence, _, direction, endpoint = HEADER.unpack_from(self.incoming)
            used = HEADER_BYTES
            if command == SUBMIT:
                (length,) = struct.unpack_from(">i", self.incoming, 24)
                setup = self.incoming[40:48]
                if direction == 0:
                    used += length
                    if len(self.incoming) < used:
                        return
                data = self.incoming[HEADER_BYTES:used]
                self.incoming = self.incoming[used:]
                if endpoint == 0:
                    self.control(sequence, direction, setup, data)
                else:
                    if not self.requests and not self.payloads:
                        self.due = max(self.due, time.monotonic())
                    self.requests[sequence] = length
            else:
                (victim,) = struct.unpack_from(">I", self.incoming, 20)
                self.incoming = self.incoming[used:]
                was_waiting = self.requests.pop(victim, None) is not None
                self.send(UNLINKED, sequence, struct.pack(">i24x", -ECONNRESET if was_waiting else 0))
            if not self.link:
                return

    def send(self, command, sequence, rest):
        try:
            self.link.sendall(HEADER.pack(command, sequence, 0, 0, 0) + rest)
        except (BrokenPipeError, ConnectionError):
            self.unplug()

    def complete(self, sequence, status, data, length=None):
        self.send(SUBMITTED, sequence, struct.pack(">5i8x", status, len(data) if length is None else length, 0, 0, 0) + data)

    # --- endpoint 0

    def control(self, sequence, direction, setup, data):
        kind, request, value, index, length = struct.unpack("<BBHHH", setup)
        if direction == 0:
            is_taken = self.write(kind, request, value, index, data)
            return self.complete(sequence, 0 if is_taken else -EPIPE, b"", len(data) if is_taken else 0)
        answer = self.read(kind, request, value, index)
        if answer is None:
            return self.complete(sequence, -EPIPE, b"")
        self.complete(sequence, 0, answer[:length])

    def read(self, kind, request, value, index):
        if kind == 0x80 and request == 6:
            return self.descriptors.answer(value >> 8, value & 0xFF)
        if kind in (0x80, 0x81, 0x82) and request == 0:
            return b"\0\0"
        if kind == 0x80 and request == 8:
            return b"\x01"
        if kind == 0x81 and request == 10:
            return b"\0"
        if kind == 0xA1 and index == STREAMING_INTERFACE and value >> 8 in (PROBE, COMMIT):
            return {GET_LEN: struct.pack("<H", 34), GET_INFO: b"\x03"}.get(request, self.stream_parameters())
        if kind == 0xA1 and index & 0xFF == CONTROL_INTERFACE and (index >> 8, value >> 8) in self.controls:
            return self.controls[index >> 8, value >> 8].get(request)
        return None

    def write(self, kind, request, value, index, data):
        if kind in (0x00, 0x01, 0x02):
            return True
        if kind == 0x21 and request == SET_CUR and index == STREAMING_INTERFACE:
            wanted = struct.unpack_from("<I", data, 4)[0]
            self.interval = min(self.descriptors.intervals, key=lambda interval: abs(interval - wanted))
            if value >> 8 == COMMIT:
                self.streams += 1
                if self.is_forgetful:
                    self.exposure.current, self.gain.current = self.exposure.default, self.gain.default
                self.tell()
            return value >> 8 in (PROBE, COMMIT)
        if kind == 0x21 and request == SET_CUR and (index >> 8, value >> 8) in self.controls:
            self.controls[index >> 8, value >> 8].set(data)
            self.tell()
            return True
        return False

    def stream_parameters(self):
        return struct.pack(
            "<HBBIHHHHHIIIBBBB", 1, 1, 1, self.interval, 0, 0, 0, 0, 0, self.descriptors.frame_bytes, PAYLOAD, 6_000_000, 0, 0, 0, 0)

    # --- frames

    def make_frame(self):
        """Puts the next frame's payloads in the queue."""
        kind = self.next_kinds.popleft() if self.next_kinds else "good"
        picture = self.pictures[self.number % len(self.pictures)]
        self.number += 1
        if kind == "truncated":
            picture = picture[: len(picture) // 2]
        elif kind == "garbage":
            picture = self.random.randbytes(len(picture))
        step = PAYLOAD - 2
        pieces = [picture[i : i + step] for i in range(0, len(picture), step)]
        for i, piece in enumerate(pieces):
            flags = END_OF_HEADER | self.frame_id
            if i == len(pieces) - 1:
                flags |= END_OF_FRAME | (PAYLOAD_ERROR if kind == "torn" else 0)
            self.payloads.append(bytes((2, flags)) + piece)
        self.frame_id ^= FRAME_ID
        self.sent[kind] += 1
        self.tell()

    def pump(self):
        """Makes a frame when it is time for one and hands over what the host has asked for.
        Returns seconds until there is more to do."""
        now = time.monotonic()
        if self.link and self.requests and not self.is_silent and now >= self.due and not self.payloads:
            self.due = max(self.due + self.interval / 1e7, now)
            self.make_frame()
        while self.link and self.requests and self.payloads:
            sequence, length = self.requests.popitem(last=False)
            self.complete(sequence, 0, self.payloads.popleft()[:length])
        return max(0.001, self.due - now) if self.link and self.requests and not self.is_silent else 1

    # --- the outside

    def obey(self, words):
        word, count = words[0], int(words[1]) if len(words) > 1 else 1
        if word in ("truncated", "garbage", "torn"):
            self.next_kinds.extend([word] * count)
        elif word in ("silent", "speak"):
            self.is_silent = word == "silent"
        elif word == "forgetful":
            self.is_forgetful = True
        elif word in ("plug", "unplug"):
            getattr(self, word)()
        else:
            raise SystemExit(f"{word} is not a command")

    def tell(self):
        if not self.options.state:
            return
        state = {
            "plugged": self.link is not None, "streams": self.streams, "exposure_time": self.exposure.current,
            "gain": self.gain.current, "sent": dict(self.sent),
        }
        new = pathlib.Path(self.options.state + ".new")
        new.write_text(json.dumps(state))
        new.replace(self.options.state)

    def run(self):
        if self.options.control:
            # Open for writing too, so that it never ends.
            fifo = os.open(self.options.control, os.O_RDWR | os.O_NONBLOCK)
            self.selector.register(fifo, selectors.EVENT_READ, lambda: [
                self.obey(line.split()) for line in os.read(fifo, 4096).decode().splitlines() if line.strip()])
        self.plug()
        while True:
            for key, _ in self.selector.select(self.pump()):
                key.data()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serial", required=True)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(320, 240))
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--control")
    parser.add_argument("--state")
    Camera(parser.parse_args()).run()


main()
