"""Tokens of the default backbone from its own ONNX graph, run by onnxruntime.

    onnx_tokens.py MODEL.onnx INPUTS.safetensors OUTPUT.safetensors

INPUTS   any number of tensors NAME: F32 [1, 3, height, width], normalised (mean and standard deviation taken off), sides
         multiples of 14; the graph was traced at 224 x 224 but resizes its position grid to what it is given.
OUTPUT   for each input
    NAME.block.B      F32 [1 + patches, width]  residual stream after block B (from 1), class token first
    NAME.normalised   F32 [1 + patches, width]  the last block's tokens after the final LayerNorm
"""

import re
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

BLOCK = re.compile(r"/backbone/encoder/layer\.(\d+)/Add_1_output_0")
NORMALISED = "/backbone/layernorm/Add_1_output_0"


def main():
    model, inputs, output = sys.argv[1:]
    graph = onnx.load(model)
    names = {NORMALISED: "normalised"}
    for node in graph.graph.node:
        if found := BLOCK.fullmatch(node.output[0]):
            names[node.output[0]] = f"block.{int(found[1]) + 1}"
    # The graph declares its tracing size but computes the grid from what it gets.
    for axis, dimension in zip("hw", graph.graph.input[0].type.tensor_type.shape.dim[2:]):
        dimension.dim_param = axis
    del graph.graph.value_info[:]
    del graph.graph.output[:]
    graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    # Fused kernels would be another implementation of the same graph; the plain one is the yardstick.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    results = {}
    for name, pixels in load_file(inputs).items():
        for part, tokens in zip(names.values(), session.run(list(names), {"input_image": pixels})):
            results[f"{name}.{part}"] = np.ascontiguousarray(tokens[0])
    save_file(results, output)


main()
