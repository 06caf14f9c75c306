"""Usage: imaging_resampling.py OUT COUNT SEED

Random pictures of random shapes and what Pillow makes of them.
A record: [width, height, newWidth, newHeight], filter name, RGB before, RGB after.
"""

import sys

import numpy
from PIL import Image, __version__

from imaging_batch import BatchWriter

assert int(__version__.split(".")[0]) < 13, "Pillow 13 resamples some shapes columns first"
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

out = BatchWriter(sys.argv[1])
random = numpy.random.default_rng(int(sys.argv[3]))
for case in range(int(sys.argv[2])):
    largest = 400 if case % 50 == 0 else 48
    width, height, new_width, new_height = (int(n) for n in random.integers(1, largest, 4))
    if case % 9 == 0:
        new_width = width
    if case % 11 == 0:
        new_height = height
    if case % 3 == 0:  # hard edges make the kernel's lobes overshoot
        pixels = random.integers(0, 2, (height, width, 3), dtype=numpy.uint8) * 255
    else:
        pixels = random.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    name = "bicubic" if case % 2 == 0 else "bilinear"
    resized = Image.fromarray(pixels).resize((new_width, new_height), FILTERS[name])
    out.numbers(width, height, new_width, new_height)
    out.text(name)
    out.array(pixels)
    out.array(numpy.asarray(resized))
