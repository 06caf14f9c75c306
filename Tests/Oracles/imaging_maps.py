"""Usage: imaging_maps.py OUT

Map and mask operations by SciPy and ONNX Runtime, whose Resize and GridSample follow PyTorch's definitions.
A record: operation, numbers (see below), input, output.
    smooth   [rows, columns, sigma * 1000]                          float32 -> float32, scipy.ndimage.gaussian_filter
    upsample [rows, columns, newRows, newColumns]                   float32 -> float32, bilinear, align_corners false
    nearest  [rows, columns, newRows, newColumns]                   0 or 1 bytes -> 0 or 1 bytes
    rotate   [width, height, degrees]                               RGB -> float32 RGB, neither rounded nor clamped
"""

import sys

import numpy
import onnxruntime
from onnx import TensorProto, helper
from scipy import ndimage

from imaging_batch import BatchWriter

out = BatchWriter(sys.argv[1])
random = numpy.random.default_rng(11)


def run(operator, inputs, **attributes):
    """One ONNX operator on arrays; None stands for an input left out."""
    names = [f"i{n}" if value is not None else "" for n, value in enumerate(inputs)]
    given = {name: value for name, value in zip(names, inputs) if name}
    types = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["o"], **attributes)],
        "one",
        [helper.make_tensor_value_info(n, types[str(v.dtype)], v.shape) for n, v in given.items()],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


for rows, columns, sigma in [(24, 24, 1.0), (128, 128, 2.0), (7, 40, 4.0), (3, 2, 3.3), (1, 1, 1.0), (60, 90, 5.04),
                             (10, 10, 0.12), (10, 10, 0.13), (1, 30, 2.5)]:
    scores = random.random((rows, columns), dtype=numpy.float32)
    out.text("smooth")
    out.numbers(rows, columns, round(sigma * 1000))
    out.array(scores)
    out.array(ndimage.gaussian_filter(scores, sigma))

for rows, columns, new_rows, new_columns in [(24, 24, 128, 128), (24, 24, 336, 336), (24, 32, 100, 77), (1, 1, 5, 6),
                                             (2, 3, 7, 3), (15, 15, 400, 400), (5, 5, 5, 9), (9, 7, 3, 2)]:
    scores = random.random((rows, columns), dtype=numpy.float32)
    sizes = numpy.array([1, 1, new_rows, new_columns], dtype=numpy.int64)
    resized = run("Resize", [scores[None, None], None, None, sizes], mode="linear",
                  coordinate_transformation_mode="half_pixel")
    out.text("upsample")
    out.numbers(rows, columns, new_rows, new_columns)
    out.array(scores)
    out.array(resized)

for rows, columns, new_rows, new_columns in [(64, 64, 16, 16), (50, 70, 32, 32), (33, 21, 128, 128), (1, 1, 3, 4)]:
    mask = random.integers(0, 2, (rows, columns), dtype=numpy.uint8)
    sizes = numpy.array([1, 1, new_rows, new_columns], dtype=numpy.int64)
    resized = run("Resize", [mask[None, None].astype(numpy.float32), None, None, sizes], mode="nearest",
                  coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    out.text("nearest")
    out.numbers(rows, columns, new_rows, new_columns)
    out.array(mask)
    out.array(resized.astype(numpy.uint8))

for width, height, degrees in [(32, 32, 45), (32, 32, 135), (31, 31, 225), (32, 32, 315), (40, 24, 30), (23, 38, 90),
                               (16, 16, 1), (5, 60, 77), (24, 24, -100), (32, 32, 90), (2, 2, 45), (1, 1, 45)]:
    picture = random.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    if width >= 16:  # smooth it a little: pure noise never occurs
        picture = ndimage.uniform_filter(picture, (3, 3, 1))
    # Where each output pixel looks, in pixels from the centre with y downwards: a counter-clockwise turn undone.
    y, x = numpy.mgrid[0:height, 0:width]
    dx, dy = x - (width - 1) / 2, y - (height - 1) / 2
    angle = numpy.deg2rad(degrees)
    sx = numpy.cos(angle) * dx - numpy.sin(angle) * dy
    sy = numpy.sin(angle) * dx + numpy.cos(angle) * dy
    grid = numpy.stack([sx * 2 / width, sy * 2 / height], axis=-1)[None].astype(numpy.float32)
    planes = picture.transpose(2, 0, 1)[None].astype(numpy.float32)
    turned = run("GridSample", [planes, grid], mode="cubic", padding_mode="reflection", align_corners=0)
    out.text("rotate")
    out.numbers(width, height, degrees)
    out.array(picture)
    out.array(numpy.ascontiguousarray(turned[0].transpose(1, 2, 0)))
