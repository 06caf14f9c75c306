"""Usage: imaging_codecs.py OUT

JPEG and PNG files of every common kind and what Pillow reads from them.
A record: what it is, file, [width, height], RGB.
"""

import io
import struct
import sys
import zlib

import numpy
from PIL import Image

from imaging_batch import BatchWriter

out = BatchWriter(sys.argv[1])
random = numpy.random.default_rng(5)


def record(name, file, rgb=None):
    if rgb is None:
        rgb = numpy.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    out.text(name)
    out.blob(file)
    out.numbers(rgb.shape[1], rgb.shape[0])
    out.array(numpy.ascontiguousarray(rgb))


def scene(width, height):
    """Smooth colours, hard edges and noise: all that makes decoders differ."""
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    picture = numpy.stack([x * 255 / width, y * 255 / height, 128 + 127 * numpy.sin(x * y / 40)], axis=-1)
    picture[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 20)
    picture += random.normal(0, 12, picture.shape)
    return Image.fromarray(picture.clip(0, 255).astype(numpy.uint8))


def jpeg(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


for width, height in [(1, 1), (8, 8), (17, 9), (64, 48), (99, 101)]:
    for subsampling in ["4:4:4", "4:2:2", "4:2:0"]:
        for options in [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 3}]:
            for quality in [30, 90]:
                name = f"JPEG {width}x{height} {subsampling} {options} q{quality}"
                record(name, jpeg(scene(width, height), quality=quality, subsampling=subsampling, **options))
record("JPEG grey", jpeg(scene(53, 31).convert("L"), quality=85))
record("JPEG RGB without transform", jpeg(scene(53, 31), quality=85, keep_rgb=True))


# PNG is written by hand here, because Pillow writes neither interlaced files nor all bit depths.
def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed_rows(samples, bits):
    """One filter byte and the packed samples for each row of an array height x width x channels."""
    rows = b""
    for row in samples.reshape(samples.shape[0], -1):
        if bits == 16:
            packed = row.astype(">u2").tobytes()
        elif bits == 8:
            packed = row.astype(numpy.uint8).tobytes()
        else:
            ones = (row[:, None] >> numpy.arange(bits - 1, -1, -1)) & 1
            packed = numpy.packbits(ones.astype(numpy.uint8)).tobytes()
        rows += b"\0" + packed
    return rows


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, bits, colour_type, interlaced, extra=b""):
    height, width = samples.shape[:2]
    if interlaced:
        passes = [samples[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7]
        rows = b"".join(packed_rows(part, bits) for part in passes if part.size)
    else:
        rows = packed_rows(samples, bits)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, int(interlaced))
    # A gamma and a chromaticity that must have no influence.
    colour = chunk(b"gAMA", struct.pack(">I", 100000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + colour + extra
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


KINDS = {0: ("grey", 1, [1, 2, 4, 8, 16]), 2: ("RGB", 3, [8, 16]), 3: ("palette", 1, [1, 2, 4, 8]),
         4: ("grey and alpha", 2, [8, 16]), 6: ("RGBA", 4, [8, 16])}
for colour_type, (name, channels, depths) in KINDS.items():
    for bits in depths:
        for interlaced in [False, True]:
            for width, height in [(1, 1), (5, 3), (33, 18)]:
                samples = random.integers(0, 2**bits, (height, width, channels))
                extra = b""
                if colour_type == 3:
                    extra = chunk(b"PLTE", random.integers(0, 256, 3 * 2**bits, dtype=numpy.uint8).tobytes())
                    extra += chunk(b"tRNS", bytes([0]))
                elif colour_type in (0, 2):
                    extra = chunk(b"tRNS", struct.pack(f">{channels}H", *[1] * channels))
                file = png(samples, bits, colour_type, interlaced, extra)
                rgb = None
                if bits == 16:  # Pillow reads 16-bit grey as numbers, not as brightness: take the high bytes
                    colours = (samples >> 8).astype(numpy.uint8)
                    rgb = colours[..., :3] if channels >= 3 else numpy.repeat(colours[..., :1], 3, axis=2)
                record(f"PNG {name} {bits} bits {width}x{height} interlaced {interlaced}", file, rgb)
