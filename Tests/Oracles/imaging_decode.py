"""Usage: imaging_decode.py OUT FILE...

What Pillow reads from files that this project wrote. A record: [width, height], RGB.
"""

import sys

import numpy
from PIL import Image

from imaging_batch import BatchWriter

out = BatchWriter(sys.argv[1])
for file in sys.argv[2:]:
    picture = Image.open(file)
    assert picture.mode == "RGB", picture.mode
    out.numbers(*picture.size)
    out.array(numpy.asarray(picture))
