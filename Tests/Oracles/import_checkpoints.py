"""Small random checkpoints in the layouts the importer reads, and what a model file made of them must hold.

    import_checkpoints.py LAYOUT FOLDER

LAYOUT is dinov2, dinov2_module (below `dinov2.`, with a classifier), backbone, openclip, openclip_module (below
`module.`), openai (F16 matrices and OpenAI's marks), custom_text (the text tower below `text.`), tinyclip, tinyclip_module
(below `_image_encoder.` and `_text_encoder.`, the latter also below `module.`) or huggingface_clip. Written into FOLDER:

checkpoint.safetensors   names and shapes of the layout
expected.safetensors     F32, every float tensor of our model file, mapped by numpy
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH, PATCH, DEPTH, MLP, GRID, EMBEDDING = 64, 4, 3, 96, 3, 20
# A vocabulary of three merges.
TEXT_WIDTH, TEXT_DEPTH, TEXT_MLP, CONTEXT, VOCABULARY = 128, 2, 72, 5, 512 + 3 + 2
layout, folder = sys.argv[1], Path(sys.argv[2])
random = np.random.default_rng(11)
checkpoint, expected = {}, {}


def draw(name, *shape, half=False):
    array = random.standard_normal(shape, dtype=np.float32)
    if half:
        array = array.astype(np.float16)
    checkpoint[name] = array
    return array.astype(np.float32)


def pair(target, name, *shape, half=False, tower="image"):
    """Draws a weight and a bias that are taken over as they are."""
    expected[f"{tower}.{target}.weight"] = draw(f"{name}.weight", *shape, half=half)
    expected[f"{tower}.{target}.bias"] = draw(f"{name}.bias", shape[0], half=half)


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


def openclip_blocks(tower, source, depth, width, mlp, half):
    for i in range(depth):
        block, target = f"{source}transformer.resblocks.{i}", f"blocks.{i}"
        pair(f"{target}.norm1", f"{block}.ln_1", width, tower=tower)
        pair(f"{target}.norm2", f"{block}.ln_2", width, tower=tower)
        qkv = f"{tower}.{target}.attention.qkv"
        expected[f"{qkv}.weight"] = draw(f"{block}.attn.in_proj_weight", 3 * width, width, half=half)
        expected[f"{qkv}.bias"] = draw(f"{block}.attn.in_proj_bias", 3 * width, half=half)
        pair(f"{target}.attention.out", f"{block}.attn.out_proj", width, width, half=half, tower=tower)
        pair(f"{target}.mlp.in", f"{block}.mlp.c_fc", mlp, width, half=half, tower=tower)
        pair(f"{target}.mlp.out", f"{block}.mlp.c_proj", width, mlp, half=half, tower=tower)


def openclip(image, text=None, scale=None, half=False):
    text = image if text is None else text
    scale = image if scale is None else scale
    visual = f"{image}visual."
    expected["image.class"] = draw(f"{visual}class_embedding", WIDTH)
    expected["image.position"] = draw(f"{visual}positional_embedding", 1 + GRID * GRID, WIDTH)
    expected["image.patch.weight"] = draw(f"{visual}conv1.weight", WIDTH, 3, PATCH, PATCH, half=half).reshape(WIDTH, -1)
    expected["image.patch.bias"] = np.zeros(WIDTH, np.float32)
    pair("pre_norm", f"{visual}ln_pre", WIDTH)
    pair("norm", f"{visual}ln_post", WIDTH)
    openclip_blocks("image", visual, DEPTH, WIDTH, MLP, half)
    expected["image.projection"] = draw(f"{visual}proj", WIDTH, EMBEDDING, half=half).T
    expected["text.embedding"] = draw(f"{text}token_embedding.weight", VOCABULARY, TEXT_WIDTH)
    expected["text.position"] = draw(f"{text}positional_embedding", CONTEXT, TEXT_WIDTH)
    openclip_blocks("text", text, TEXT_DEPTH, TEXT_WIDTH, TEXT_MLP, half)
    pair("norm", f"{text}ln_final", TEXT_WIDTH, tower="text")
    expected["text.projection"] = draw(f"{text}text_projection", TEXT_WIDTH, EMBEDDING, half=half).T
    expected["logit_scale"] = draw(f"{scale}logit_scale").reshape(1)


def huggingface_blocks(tower, source, depth, width, mlp):
    for i in range(depth):
        block, target = f"{source}.encoder.layers.{i}", f"blocks.{i}"
        pair(f"{target}.norm1", f"{block}.layer_norm1", width, tower=tower)
        pair(f"{target}.norm2", f"{block}.layer_norm2", width, tower=tower)
        for kind, shape in (("weight", (width, width)), ("bias", (width,))):
            parts = [draw(f"{block}.self_attn.{name}_proj.{kind}", *shape) for name in "qkv"]
            expected[f"{tower}.{target}.attention.qkv.{kind}"] = np.concatenate(parts)
        pair(f"{target}.attention.out", f"{block}.self_attn.out_proj", width, width, tower=tower)
        pair(f"{target}.mlp.in", f"{block}.mlp.fc1", mlp, width, tower=tower)
        pair(f"{target}.mlp.out", f"{block}.mlp.fc2", width, mlp, tower=tower)


def huggingface_clip():
    embeddings = "vision_model.embeddings"
    expected["image.class"] = draw(f"{embeddings}.class_embedding", WIDTH)
    expected["image.position"] = draw(f"{embeddings}.position_embedding.weight", 1 + GRID * GRID, WIDTH)
    checkpoint[f"{embeddings}.position_ids"] = np.arange(1 + GRID * GRID)[None]
    checkpoint["text_model.embeddings.position_ids"] = np.arange(CONTEXT)[None]
    expected["image.patch.weight"] = draw(f"{embeddings}.patch_embedding.weight", WIDTH, 3, PATCH, PATCH).reshape(WIDTH, -1)
    expected["image.patch.bias"] = np.zeros(WIDTH, np.float32)
    pair("pre_norm", "vision_model.pre_layrnorm", WIDTH)
    pair("norm", "vision_model.post_layernorm", WIDTH)
    huggingface_blocks("image", "vision_model", DEPTH, WIDTH, MLP)
    expected["image.projection"] = draw("visual_projection.weight", EMBEDDING, WIDTH)
    expected["text.embedding"] = draw("text_model.embeddings.token_embedding.weight", VOCABULARY, TEXT_WIDTH)
    expected["text.position"] = draw("text_model.embeddings.position_embedding.weight", CONTEXT, TEXT_WIDTH)
    huggingface_blocks("text", "text_model", TEXT_DEPTH, TEXT_WIDTH, TEXT_MLP)
    pair("norm", "text_model.final_layer_norm", TEXT_WIDTH, tower="text")
    expected["text.projection"] = draw("text_projection.weight", EMBEDDING, TEXT_WIDTH)
    expected["logit_scale"] = draw("logit_scale").reshape(1)


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
    for name, value in (("input_resolution", 12), ("context_length", CONTEXT), ("vocab_size", VOCABULARY)):
        checkpoint[name] = np.array(value)
elif layout == "custom_text":
    openclip("", "text.", "")
elif layout == "tinyclip":
    openclip("_image_encoder.", "_text_encoder.", "_logit_scale.")
elif layout == "tinyclip_module":
    openclip("_image_encoder.module.", "_text_encoder.module.", "_logit_scale.module.")
elif layout == "huggingface_clip":
    huggingface_clip()
else:
    sys.exit(f"no layout {layout}")

save_file(checkpoint, folder / "checkpoint.safetensors")
save_file({name: np.ascontiguousarray(array) for name, array in expected.items()}, folder / "expected.safetensors")
