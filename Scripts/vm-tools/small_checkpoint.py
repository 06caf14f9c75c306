"""Writes a checkpoint of a tiny vision transformer with seeded random weights: small_checkpoint.py FILE

It knows nothing, but is a function of the picture, and a hundred times faster than a real one: for tests in an emulated
machine. The tensors are named as in Hugging Face's Dinov2Model.
"""

import json
import math
import random
import struct
import sys

WIDTH, DEPTH, MLP, PATCH, GRID = 64, 2, 128, 14, 4


def shapes():
    yield "embeddings.cls_token", (1, 1, WIDTH)
    yield "embeddings.position_embeddings", (1, GRID * GRID + 1, WIDTH)
    yield "embeddings.patch_embeddings.projection.weight", (WIDTH, 3, PATCH, PATCH)
    yield "embeddings.patch_embeddings.projection.bias", (WIDTH,)
    for block in range(DEPTH):
        prefix = f"encoder.layer.{block}."
        for norm in ("norm1", "norm2"):
            yield prefix + norm + ".weight", (WIDTH,)
            yield prefix + norm + ".bias", (WIDTH,)
        for part in ("query", "key", "value"):
            yield prefix + f"attention.attention.{part}.weight", (WIDTH, WIDTH)
            yield prefix + f"attention.attention.{part}.bias", (WIDTH,)
        yield prefix + "attention.output.dense.weight", (WIDTH, WIDTH)
        yield prefix + "attention.output.dense.bias", (WIDTH,)
        yield prefix + "layer_scale1.lambda1", (WIDTH,)
        yield prefix + "mlp.fc1.weight", (MLP, WIDTH)
        yield prefix + "mlp.fc1.bias", (MLP,)
        yield prefix + "mlp.fc2.weight", (WIDTH, MLP)
        yield prefix + "mlp.fc2.bias", (WIDTH,)
        yield prefix + "layer_scale2.lambda1", (WIDTH,)
    yield "layernorm.weight", (WIDTH,)
    yield "layernorm.bias", (WIDTH,)


def values(name, shape, generator):
    count = math.prod(shape)
    if len(shape) == 1:
        # Norms and layer scales near one, biases near zero.
        centre = 0.0 if name.endswith("bias") else 1.0
        return [generator.gauss(centre, 0.02) for _ in range(count)]
    return [generator.gauss(0, 1 / math.sqrt(math.prod(shape[1:]))) for _ in range(count)]


def main():
    generator = random.Random(1)
    header, data = {}, b""
    for name, shape in shapes():
        tensor = values(name, shape, generator)
        packed = struct.pack(f"<{len(tensor)}f", *tensor)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[1], "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


main()
