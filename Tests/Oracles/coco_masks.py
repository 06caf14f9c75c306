"""Reads masks with their run-length encoding and compares both ways with pycocotools."""
import json
import sys

import numpy as np
from pycocotools import mask as coco

cases = json.load(open(sys.argv[1]))
for number, case in enumerate(cases):
    expected = np.array([[int(bit) for bit in row] for row in case["rows"]], dtype=np.uint8)
    size = case["rle"]["size"]
    decoded = coco.decode({"size": size, "counts": case["rle"]["counts"].encode()})
    assert decoded.shape == expected.shape and (decoded == expected).all(), f"mask {number} decodes differently"
    written = coco.encode(np.asfortranarray(expected))["counts"].decode()
    assert written == case["rle"]["counts"], f"mask {number} is written differently"
print(len(cases), "masks agree")
