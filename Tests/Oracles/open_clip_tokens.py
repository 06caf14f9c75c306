"""Tokens of open_clip's image tower, and features of its text tower, with random weights in small towers of the released
shapes.

    open_clip_tokens.py VARIANT SEED FOLDER

VARIANT is b32, b16, plus240, l14, l14_336, l14_gelu or tiny16 (see VARIANTS). Written into FOLDER:

openclip.safetensors      the whole CLIP model, F32, OpenAI/OpenCLIP names, text tower included
huggingface.safetensors   the same weights, F32, HuggingFace CLIPModel names
archive.pt                the same weights: with QuickGELU a TorchScript archive with OpenAI's marks, else a training
                          checkpoint, below `state_dict` and `module.`
tokens.safetensors        for each case C below
    C.picture      U8  [height, width, 3]    the input as an RGB picture of the size the tower wants
    C.block.B      F32 [1 + patches, width]  residual stream after block B (from 1), class token first
    C.normalised   F32 [1 + patches, width]  the last block's tokens after ln_post
    C.embedding    F32 [embedding]           class token after ln_post and projection, not normalised
    Case `native` has the position grid as stored. Cases `bicubic_antialiased`, `bicubic` and `bilinear` have another
    size with unequal sides, the grid brought to it by open_clip's own resize_pos_embed.
    text.tokens      I32 [texts, 9]          start, words and end, of a vocabulary of 517, zeros behind
    text.features    F32 [texts, embedding]  of the whole text tower, not normalised

Standard output: one JSON object with patch_size, width, depth, heads, mlp_width, activation (gelu or quick_gelu),
grid (rows and columns as stored) and embedding_width.

Needs requirements-open-clip.txt.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, resize_pos_embed
from safetensors.numpy import save_file

EMBEDDING = 96
# 256 bytes, 256 bytes that end a word, three merges, start and end.
VOCABULARY = 517
VARIANTS = {
    # patch, native side, width, depth, quick GELU, sides (height, width) of the resized cases
    "b32": (32, 224, 128, 3, True, (160, 288)),
    "b16": (16, 112, 128, 3, True, (176, 80)),
    "plus240": (16, 240, 192, 2, False, (208, 272)),
    "l14": (14, 112, 128, 4, True, (154, 126)),
    "l14_336": (14, 336, 64, 2, True, (308, 350)),
    "l14_gelu": (14, 112, 128, 4, False, (84, 196)),
    "tiny16": (16, 96, 256, 10, False, (112, 80)),
}


def model(variant, size):
    patch, _, width, depth, quick, _ = VARIANTS[variant]
    vision = CLIPVisionCfg(layers=depth, width=width, head_width=64, patch_size=patch, image_size=size)
    text = CLIPTextCfg(context_length=9, vocab_size=VOCABULARY, width=128, heads=2, layers=2)
    return CLIP(EMBEDDING, vision, text, quick_gelu=quick).eval()


def randomise(network, seed):
    """Gives every parameter values that matter: no bias is zero, no LayerNorm the identity."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(network.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 2 and "embedding" not in name or parameter.ndim == 4:
            fan_in = parameter[0].numel() if not name.endswith("proj") else parameter.shape[0]
            value = noise * fan_in**-0.5
        elif ".ln_" in name and name.endswith("weight"):
            value = 1 + 0.2 * noise
        else:
            value = 0.3 * noise
        parameter.data.copy_(value)


def huggingface(state):
    """The same weights under the names, and in the orientation, of HuggingFace's CLIPModel."""
    names = {
        "visual.class_embedding": "vision_model.embeddings.class_embedding",
        "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
        "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "logit_scale": "logit_scale",
    }
    stems = {
        "visual.ln_pre.": "vision_model.pre_layrnorm.", "visual.ln_post.": "vision_model.post_layernorm.",
        "ln_final.": "text_model.final_layer_norm.",
        "visual.transformer.resblocks.": "vision_model.encoder.layers.",
        "transformer.resblocks.": "text_model.encoder.layers.",
    }
    parts = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    result = {}
    for name, array in state.items():
        if name in names:
            result[names[name]] = array
            continue
        if name in ("visual.proj", "text_projection"):
            result["visual_projection.weight" if name == "visual.proj" else "text_projection.weight"] = array.T
            continue
        stem = next(stem for stem in stems if name.startswith(stem))
        rest = name[len(stem):]
        if "attn.in_proj_" in rest:
            block, kind = rest.split(".")[0], rest.rsplit("_", 1)[1]
            for projection, third in zip("qkv", np.split(array, 3)):
                result[f"{stems[stem]}{block}.self_attn.{projection}_proj.{kind}"] = third
            continue
        for old, new in parts.items():
            rest = rest.replace(f".{old}.", f".{new}.")
        result[stems[stem] + rest] = array
    return {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in result.items()}


def save_archive(network, side, is_openai, file):
    if not is_openai:
        state = {f"module.{name}": value for name, value in network.state_dict().items()}
        torch.save({"epoch": 32, "name": "random", "state_dict": state}, file)
        return
    for name, value in (("input_resolution", side), ("context_length", 9), ("vocab_size", VOCABULARY)):
        network.__dict__.pop(name, None)
        network.register_buffer(name, torch.tensor(value))
    example = (torch.zeros(1, 3, side, side), torch.zeros(1, 9, dtype=torch.int))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, example, check_trace=False).save(str(file))


def main():
    variant, seed, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    patch, side, width, depth, quick, resized = VARIANTS[variant]
    native = model(variant, side)
    randomise(native, seed)
    state = {name: value.clone() for name, value in native.state_dict().items()}
    pictures = np.random.default_rng(seed)
    results = {}
    for case, size, interpolation in [
        ("native", (side, side), None),
        ("bicubic_antialiased", resized, ("bicubic", True)),
        ("bicubic", resized, ("bicubic", False)),
        ("bilinear", resized, ("bilinear", False)),
    ]:
        network = native
        if interpolation:
            network = model(variant, size)
            weights = dict(state)
            resize_pos_embed(weights, network, *interpolation)
            network.load_state_dict(weights)
        picture = pictures.integers(0, 256, (*size, 3), dtype=np.uint8)
        mean, deviation = torch.tensor(OPENAI_DATASET_MEAN), torch.tensor(OPENAI_DATASET_STD)
        pixels = (torch.from_numpy(picture).float() / 255 - mean) / deviation
        with torch.no_grad():
            output = network.visual.forward_intermediates(
                pixels.permute(2, 0, 1)[None], output_fmt="NLC", output_extra_tokens=True
            )
            stream = [
                torch.cat(tokens, dim=1)
                for tokens in zip(output["image_intermediates_prefix"], output["image_intermediates"])
            ]
            results[f"{case}.normalised"] = network.visual.ln_post(stream[-1])[0].numpy()
        results[f"{case}.picture"] = picture
        results[f"{case}.embedding"] = output["image_features"][0].numpy()
        for block, tokens in enumerate(stream, 1):
            results[f"{case}.block.{block}"] = tokens[0].numpy()

    rows = []
    for length in range(8):
        words = pictures.integers(0, VOCABULARY - 2, length).tolist()
        rows.append(([VOCABULARY - 2, *words, VOCABULARY - 1] + [0] * 9)[:9])
    tokens = torch.tensor(rows)
    with torch.no_grad():
        results["text.features"] = native.encode_text(tokens).numpy()
    results["text.tokens"] = tokens.numpy().astype(np.int32)
    save_archive(native, side, quick, folder / "archive.pt")

    arrays = {name: value.numpy() for name, value in state.items()}
    save_file(arrays, folder / "openclip.safetensors")
    save_file(huggingface(arrays), folder / "huggingface.safetensors")
    save_file({name: np.ascontiguousarray(array) for name, array in results.items()}, folder / "tokens.safetensors")
    json.dump(
        {
            "patch_size": patch, "width": width, "depth": depth, "heads": width // 64, "mlp_width": 4 * width,
            "activation": "quick_gelu" if quick else "gelu", "grid": [side // patch, side // patch],
            "embedding_width": EMBEDDING,
        },
        sys.stdout,
    )


main()
