"""Our model files for other runtimes: the same architecture and weights as ONNX, and quantised by their own tools."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

OPSET = 20  # the first with Gelu


class Graph:
    """Collects nodes and constants; every method returns the name of what it added."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes = []
        self.constants = []

    def constant(self, array):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, *values):
        return self.constant(np.array(values, np.int64))

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind}{len(self.nodes)}.{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, names[0], **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, values, name, scale=1):
        weight, bias = self.tensors[f"{name}.weight"] * scale, self.tensors[f"{name}.bias"] * scale
        product = self.add("MatMul", values, self.constant(weight.T))
        return self.add("Add", product, self.constant(bias))

    def layer_norm(self, values, name, epsilon):
        gain, bias = (self.constant(self.tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.add("LayerNormalization", values, gain, bias, axis=-1, epsilon=epsilon)


def resized_positions(positions, tower, side):
    """The position table for this input size, class token first. Bicubic with a = -0.75, clamped at the border."""
    rows, columns, target = tower["grid_rows"], tower["grid_columns"], side // tower["patch_size"]
    if rows == columns == target:
        return positions
    if tower["position_interpolation"] != "bicubic":
        raise ValueError(f"resizing positions by {tower['position_interpolation']} is not written here")

    def weights(size):
        centre = (np.arange(target) + 0.5) * size / target - 0.5
        matrix = np.zeros((target, size))
        for offset in range(-1, 3):
            source = np.floor(centre).astype(int) + offset
            x = np.abs(centre - source)
            near, far = (1.25 * x - 2.25) * x * x + 1, -0.75 * (((x - 5) * x + 8) * x - 4)
            matrix[np.arange(target), source.clip(0, size - 1)] += np.where(x < 1, near, far)
        return matrix

    grid = positions[1:].reshape(rows, columns, -1)
    grid = np.einsum("ij,jkw,lk->ilw", weights(rows), grid, weights(columns))
    return np.concatenate([positions[:1], grid.reshape(target * target, -1)]).astype(np.float32)


def read_model(file):
    """The tower's description and tensors of a float32 model file; docs/model-format.md explains both."""
    with safe_open(file, "np") as model:
        tower = json.loads(model.metadata()["image_tower"])
        return tower, {name: model.get_tensor(name) for name in model.keys()}


def plain_attention(graph, query, key, value, heads, tokens, width):
    """Operators of ONNX, which OpenVINO fuses."""
    query, key, value = (
        graph.add("Reshape", part, graph.integers(1, tokens, heads, width // heads)) for part in (query, key, value))
    query, key = graph.add("Transpose", query, perm=[0, 2, 1, 3]), graph.add("Transpose", key, perm=[0, 2, 3, 1])
    weights = graph.add("Softmax", graph.add("MatMul", query, key), axis=-1)
    mixed = graph.add("MatMul", weights, graph.add("Transpose", value, perm=[0, 2, 1, 3]))
    return graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), graph.integers(1, tokens, width))


def fused_attention(graph, query, key, value, heads, tokens, width):
    """onnxruntime's own operator: it does not find the pattern by itself."""
    return graph.add("MultiHeadAttention", query, key, value, domain="com.microsoft", num_heads=heads, scale=1.0)


def onnx_model(file, side, block, attention=plain_attention):
    """The tower up to a block as ONNX: normalised pixels [1, 3, side, side] to patch tokens [1, patches, width] after the
    final LayerNorm. The class token is left out as soon as it is of no more use."""
    tower, tensors = read_model(file)
    graph = Graph(tensors)
    width, heads, patch, epsilon = tower["width"], tower["heads"], tower["patch_size"], tower["layer_norm_epsilon"]
    patches = (side // patch) ** 2
    tokens = patches + 1

    kernel = tensors["image.patch.weight"].reshape(width, 3, patch, patch)
    x = graph.add(
        "Conv", "pixels", graph.constant(kernel), graph.constant(tensors["image.patch.bias"]),
        kernel_shape=[patch, patch], strides=[patch, patch])
    x = graph.add("Transpose", graph.add("Reshape", x, graph.integers(1, width, patches)), perm=[0, 2, 1])
    x = graph.add("Concat", graph.constant(tensors["image.class"].reshape(1, 1, width)), x, axis=1)
    x = graph.add("Add", x, graph.constant(resized_positions(tensors["image.position"], tower, side)[None]))
    if tower["has_pre_norm"]:
        x = graph.layer_norm(x, "image.pre_norm", epsilon)

    # The scale of the scores goes into the query weights: one operation fewer, and exact where it is a power of 2.
    query_scale = np.ones((3 * width, 1), np.float32)
    query_scale[:width] = (width // heads) ** -0.5
    for index in range(block):
        name = f"image.blocks.{index}"
        weight, bias = f"{name}.attention.qkv.weight", f"{name}.attention.qkv.bias"
        tensors[weight], tensors[bias] = tensors[weight] * query_scale, tensors[bias] * query_scale[:, 0]
        normalised = graph.layer_norm(x, f"{name}.norm1", epsilon)
        qkv = graph.linear(normalised, f"{name}.attention.qkv")
        mixed = attention(graph, *graph.add("Split", qkv, axis=2, num_outputs=3, outputs=3), heads, tokens, width)
        x = graph.add("Add", x, graph.linear(mixed, f"{name}.attention.out"))
        hidden = graph.linear(graph.layer_norm(x, f"{name}.norm2", epsilon), f"{name}.mlp.in")
        if tower["activation"] == "gelu":
            hidden = graph.add("Gelu", hidden)
        else:
            sigmoid = graph.add("Sigmoid", graph.add("Mul", hidden, graph.constant(np.float32(1.702))))
            hidden = graph.add("Mul", hidden, sigmoid)
        x = graph.add("Add", x, graph.linear(hidden, f"{name}.mlp.out"))
    x = graph.add("Slice", x, graph.integers(1), graph.integers(tokens), graph.integers(1))
    x = graph.layer_norm(x, "image.norm", epsilon)

    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, side, side])
    output = helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, patches, width])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "image tower", [pixels], [output], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def quantise_with_onnxruntime(source, target):
    """Dynamic quantisation: weights int8 with a scale a channel, activations uint8 with a scale a tensor at run time.
    The patch embedding stays float32, as ours does: its integer convolution is slower."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source, target, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8,
        # What a tensor is where the quantiser cannot tell, behind an operator that ONNX does not have.
        extra_options={"DefaultTensorType": TensorProto.FLOAT})


def save_for_openvino(source, target):
    import openvino

    openvino.save_model(openvino.Core().read_model(source), target, compress_to_fp16=False)


def quantise_with_nncf(source, target, pictures):
    """Post-training quantisation with its settings for transformers."""
    import nncf
    import openvino

    model = nncf.quantize(
        openvino.Core().read_model(source), nncf.Dataset(pictures), subset_size=len(pictures),
        model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(model, target, compress_to_fp16=False)


def random_checkpoint(file, width, depth, patch, grid, embedding, seed):
    """An OpenCLIP checkpoint with the image tower's shapes and weights of the size they have before training."""
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed)

    def normal(*shape, deviation=None):
        return random.standard_normal(shape, np.float32) * np.float32(deviation or shape[-1] ** -0.5)

    def norm(name):
        return {f"{name}.weight": np.ones(width, np.float32), f"{name}.bias": normal(width, deviation=0.02)}

    def linear(name, outputs, inputs, joint="."):
        return {
            f"{name}{joint}weight": normal(outputs, inputs),
            f"{name}{joint}bias": normal(outputs, deviation=0.02),
        }

    tensors = {
        "class_embedding": normal(width),
        "positional_embedding": normal(grid * grid + 1, width),
        "conv1.weight": normal(width, 3, patch, patch, deviation=(3 * patch * patch) ** -0.5),
        "proj": normal(width, embedding),
        **norm("ln_pre"),
        **norm("ln_post"),
    }
    for index in range(depth):
        block = f"transformer.resblocks.{index}"
        tensors |= norm(f"{block}.ln_1") | norm(f"{block}.ln_2")
        tensors |= linear(f"{block}.attn.in_proj", 3 * width, width, joint="_")
        tensors |= linear(f"{block}.attn.out_proj", width, width)
        tensors |= linear(f"{block}.mlp.c_fc", 4 * width, width)
        tensors |= linear(f"{block}.mlp.c_proj", width, 4 * width)
    save_file({f"visual.{name}": array for name, array in tensors.items()}, file)
