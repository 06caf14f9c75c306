"""Usage: imaging_files.py OUT FILE...

What Pillow reads from picture files, and that at 336 x 336, bicubic.
A record: [width, height], RGB, RGB at 336 x 336.
"""

import sys

import numpy
from PIL import Image

from imaging_batch import BatchWriter

out = BatchWriter(sys.argv[1])
for file in sys.argv[2:]:
    picture = Image.open(file).convert("RGB")
    out.numbers(*picture.size)
    out.array(numpy.asarray(picture))
    out.array(numpy.asarray(picture.resize((336, 336), Image.Resampling.BICUBIC)))
