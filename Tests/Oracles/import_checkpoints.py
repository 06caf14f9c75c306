"""Small random checkpoints in the layouts the importer reads, and what a model file made of them must hold.

    import_checkpoints.py LAYOUT FOLDER

LAYOUT is dinov2, dinov2_module (below `dinov2.`, with a classifier), backbone, openclip, openclip_module (below
`module.`), openai (F16 matrices and OpenAI's marks) or huggingface_clip. Written into FOLDER:

checkpoint.safetensors   names and shapes of the layout
expected.safetensors     F32, every tensor of our model file, mapped by numpy
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH, PATCH, DEPTH, MLP, GRID, EMBEDDING = 64, 4, 3, 96, 3, 20
layout, folder = sys.argv[1], Path(sys.argv[2])
random = np.random.default_rng(11)
checkpoint, expected = {}, {}


def draw(name, *shape, half=False):
    array = random.standard_normal(shape, dtype=np.float32)
    if half:
        array = array.astype(np.float16)
    checkpoint[name] = array
    return array.astype(np.float32)


def pair(target, name, *shape, half=False):
    """Draws a weight and a bias that are taken over as they are."""
    expected[f"image.{target}.weight"] = draw(f"{name}.weight", *shape, half=half)
    expected[f"image.{target}.bias"] = draw(f"{name}.bias", shape[0], half=half)


def dinov2(prefix):
    expected["image.class"] = draw(f"{prefix}embeddings.cls_token", 1, 1, WIDTH).reshape(-1)
    draw(f"{prefix}embeddings.mask_token", 1, WIDTH)
    position = draw(f"{prefix}embeddings.position_embeddings", 1, 1 + GRID * GRID, WIDTH)
    expected["image.position"] = position[0]
    pair("patch", f"{prefix}embeddings.patch_embeddings.projection", WIDTH, 3, PATCH, PATCH)
    expected["image.patch.weight"] = expected["image.patch.weight"].reshape(WIDTH, -1)
    for i in range(DEPTH):
        source, target = f"{prefix}encoder.layer.{i}", f"blocks.{i}"
        pair(f"{target}.norm1", f"{source}.norm1", WIDTH)
        pair(f"{target}.norm2", f"{source}.norm2", WIDTH)
        for kind, shape in (("weight", (WIDTH, WIDTH)), ("bias", (WIDTH,))):
            parts = [draw(f"{source}.attention.attention.{name}.{kind}", *shape) for name in ("query", "key", "value")]
            expected[f"image.{target}.attention.qkv.{kind}"] = np.concatenate(parts)
        pair(f"{target}.mlp.in", f"{source}.mlp.fc1", MLP, WIDTH)
        for branch, name, inputs, scale in (
            ("attention.out", "attention.output.dense", WIDTH, "layer_scale1"),
            ("mlp.out", "mlp.fc2", MLP, "layer_scale2"),
        ):
            factors = draw(f"{source}.{scale}.lambda1", WIDTH)
            weight, bias = draw(f"{source}.{name}.weight", WIDTH, inputs), draw(f"{source}.{name}.bias", WIDTH)
            expected[f"image.{target}.{branch}.weight"] = factors[:, None] * weight
            expected[f"image.{target}.{branch}.bias"] = factors * bias
    pair("norm", f"{prefix}layernorm", WIDTH)


def openclip(prefix, half=False):
    visual = f"{prefix}visual."
    expected["image.class"] = draw(f"{visual}class_embedding", WIDTH)
    expected["image.position"] = draw(f"{visual}positional_embedding", 1 + GRID * GRID, WIDTH)
    expected["image.patch.weight"] = draw(f"{visual}conv1.weight", WIDTH, 3, PATCH, PATCH, half=half).reshape(WIDTH, -1)
    expected["image.patch.bias"] = np.zeros(WIDTH, np.float32)
    pair("pre_norm", f"{visual}ln_pre", WIDTH)
    pair("norm", f"{visual}ln_post", WIDTH)
    for i in range(DEPTH):
        source, target = f"{visual}transformer.resblocks.{i}", f"blocks.{i}"
        pair(f"{target}.norm1", f"{source}.ln_1", WIDTH)
        pair(f"{target}.norm2", f"{source}.ln_2", WIDTH)
        expected[f"image.{target}.attention.qkv.weight"] = draw(f"{source}.attn.in_proj_weight", 3 * WIDTH, WIDTH, half=half)
        expected[f"image.{target}.attention.qkv.bias"] = draw(f"{source}.attn.in_proj_bias", 3 * WIDTH, half=half)
        pair(f"{target}.attention.out", f"{source}.attn.out_proj", WIDTH, WIDTH, half=half)
        pair(f"{target}.mlp.in", f"{source}.mlp.c_fc", MLP, WIDTH, half=half)
        pair(f"{target}.mlp.out", f"{source}.mlp.c_proj", WIDTH, MLP, half=half)
    expected["image.projection"] = draw(f"{visual}proj", WIDTH, EMBEDDING, half=half).T
    for name, shape in (
        ("token_embedding.weight", (7, 8)), ("positional_embedding", (5, 8)), ("ln_final.weight", (8,)),
        ("ln_final.bias", (8,)), ("text_projection", (8, EMBEDDING)), ("logit_scale", ()),
        ("transformer.resblocks.0.ln_1.weight", (8,)),
    ):
        draw(prefix + name, *shape)


def huggingface_clip():
    embeddings = "vision_model.embeddings"
    expected["image.class"] = draw(f"{embeddings}.class_embedding", WIDTH)
    expected["image.position"] = draw(f"{embeddings}.position_embedding.weight", 1 + GRID * GRID, WIDTH)
    checkpoint[f"{embeddings}.position_ids"] = np.arange(1 + GRID * GRID)[None]
    checkpoint["text_model.embeddings.position_ids"] = np.arange(5)[None]
    expected["image.patch.weight"] = draw(f"{embeddings}.patch_embedding.weight", WIDTH, 3, PATCH, PATCH).reshape(WIDTH, -1)
    expected["image.patch.bias"] = np.zeros(WIDTH, np.float32)
    pair("pre_norm", "vision_model.pre_layrnorm", WIDTH)
    pair("norm", "vision_model.post_layernorm", WIDTH)
    for i in range(DEPTH):
        source, target = f"vision_model.encoder.layers.{i}", f"blocks.{i}"
        pair(f"{target}.norm1", f"{source}.layer_norm1", WIDTH)
        pair(f"{target}.norm2", f"{source}.layer_norm2", WIDTH)
        for kind, shape in (("weight", (WIDTH, WIDTH)), ("bias", (WIDTH,))):
            parts = [draw(f"{source}.self_attn.{name}_proj.{kind}", *shape) for name in "qkv"]
            expected[f"image.{target}.attention.qkv.{kind}"] = np.concatenate(parts)
        pair(f"{target}.attention.out", f"{source}.self_attn.out_proj", WIDTH, WIDTH)
        pair(f"{target}.mlp.in", f"{source}.mlp.fc1", MLP, WIDTH)
        pair(f"{target}.mlp.out", f"{source}.mlp.fc2", WIDTH, MLP)
    expected["image.projection"] = draw("visual_projection.weight", EMBEDDING, WIDTH)
    draw("text_projection.weight", EMBEDDING, 8)
    draw("text_model.final_layer_norm.weight", 8)
    draw("logit_scale")


if layout == "dinov2":
    dinov2("")
elif layout == "dinov2_module":
    dinov2("dinov2.")
    draw("classifier.weight", 10, WIDTH)
elif layout == "backbone":
    dinov2("backbone.")
elif layout == "openclip":
    openclip("")
elif layout == "openclip_module":
    openclip("module.")
elif layout == "openai":
    openclip("", half=True)
    for name, value in (("input_resolution", 12), ("context_length", 5), ("vocab_size", 7)):
        checkpoint[name] = np.array(value)
elif layout == "huggingface_clip":
    huggingface_clip()
else:
    sys.exit(f"no layout {layout}")

save_file(checkpoint, folder / "checkpoint.safetensors")
save_file({name: np.ascontiguousarray(array) for name, array in expected.items()}, folder / "expected.safetensors")
