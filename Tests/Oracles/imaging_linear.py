"""Usage: imaging_linear.py OUT COUNT SEED

Random pictures of random shapes and what OpenCV's resize makes of them with INTER_LINEAR.
A record: [width, height, newWidth, newHeight], RGB before, RGB after.
"""

import sys

import cv2
import numpy

from imaging_batch import BatchWriter

out = BatchWriter(sys.argv[1])
random = numpy.random.default_rng(int(sys.argv[3]))
for case in range(int(sys.argv[2])):
    largest = 400 if case % 50 == 0 else 48
    width, height, new_width, new_height = (int(n) for n in random.integers(1, largest, 4))
    if case % 9 == 0:
        new_width = width
    if case % 11 == 0:
        new_height = height
    if case % 7 == 0:  # half the size: OpenCV takes another way
        width, height = 2 * new_width, 2 * new_height
    pixels = random.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    out.numbers(width, height, new_width, new_height)
    out.array(pixels)
    out.array(cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_LINEAR))
