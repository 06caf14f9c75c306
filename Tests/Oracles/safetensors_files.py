"""The Python safetensors library as the yardstick of the format.

    safetensors_files.py read FILE
        Prints JSON: {"metadata": {...}, "tensors": {NAME: {"dtype", "shape", "bytes" (hexadecimal)}}}.
    safetensors_files.py write FILE
        Writes a file with a tensor of every element type the library and we share. Prints JSON:
        {NAME: [bit patterns of the elements as 32-bit floats]} for the floating-point ones.
"""

import json
import sys

import ml_dtypes
import numpy as np
from safetensors import deserialize, safe_open
from safetensors.numpy import save_file

TYPES = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "int64": "<i8", "int32": "<i4", "int8": "i1", "uint8": "u1", "bool": "?"}


def read(path):
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
    with open(path, "rb") as file:
        tensors = {
            name: {"dtype": tensor["dtype"], "shape": tensor["shape"], "bytes": bytes(tensor["data"]).hex()}
            for name, tensor in deserialize(file.read())
        }
    return {"metadata": metadata, "tensors": tensors}


def write(path):
    random = np.random.default_rng(5)
    arrays = {}
    for name, code in TYPES.items():
        arrays[name] = array = (random.standard_normal((3, 5)) * 3).astype(code)
        if array.dtype.kind == "f":
            # Zero, the smallest subnormal and the largest number of the type; float64's overflows a 32-bit float.
            array[0, :3] = [-0.0, np.finfo(code).smallest_subnormal, np.finfo(code).max]
    arrays["bfloat16"] = (random.standard_normal(11) * 3).astype(ml_dtypes.bfloat16)
    arrays["scalar"] = np.array(1.5, "<f4")
    arrays["empty"] = np.zeros((0, 4), "<f4")
    save_file(arrays, path, {"schlüssel": 'a "b" \\ \n \u2028 \U0001f600'})
    with np.errstate(over="ignore"):
        floats = {name: array.astype("<f4") for name, array in arrays.items() if array.dtype.kind not in "iub"}
    return {name: array.reshape(-1).view("<u4").tolist() for name, array in floats.items()}


json.dump({"read": read, "write": write}[sys.argv[1]](sys.argv[2]), sys.stdout)
