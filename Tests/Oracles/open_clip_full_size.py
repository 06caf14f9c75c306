"""A released CLIP's towers at full size with seeded random weights, by open_clip.

    open_clip_full_size.py MODEL SEED FOLDER

MODEL is one of open_clip's, such as ViT-B-16-plus-240. Written into FOLDER:

checkpoint.pt            the weights as a training checkpoint, below `state_dict` and `module.`
expected.safetensors
    picture              U8  [side, side, 3]         an RGB picture of random patches and gradients
    block.B              F32 [1 + patches, width]    residual stream after block B (from 1), class token first
    normalised           F32 [1 + patches, width]    the last block's tokens after ln_post
    embedding            F32 [embedding]             class token after ln_post and projection, not normalised
    text.features        F32 [texts, embedding]      not normalised

Standard output: {"texts": [...], "tokens": [[...]]}: the texts and what open_clip's tokeniser makes of them, start and end
included, without padding.

Needs requirements-open-clip.txt.
"""

import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from safetensors.numpy import save_file

TEXTS = [
    "a photo of a flawless bottle", "a cropped photo of the damaged printed circuit board.", "metal nut with a bent shape",
    "N N N N N N N N hazelnut with a crack", "Übergröße – “gut” &amp; fehlerfrei 10 mm", "",
    "word " * 100,
]


def randomise(network, seed):
    """Values of the size that training leaves: features neither vanish nor explode."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(network.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if name == "logit_scale":
            value = torch.tensor(4.6)
        elif "embedding" in name:
            value = 0.1 * noise
        elif parameter.ndim >= 2:
            transposed = name.endswith("proj") or name == "text_projection"
            value = noise * (parameter.shape[0] if transposed else parameter[0].numel()) ** -0.5
        elif ".ln_" in name and name.endswith("weight"):
            value = 1 + 0.2 * noise
        else:
            value = 0.1 * noise
        parameter.data.copy_(value)


def main():
    name, seed, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    network = open_clip.create_model(name).eval()
    randomise(network, seed)
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 32, "name": name, "state_dict": state}, folder / "checkpoint.pt")

    side = network.visual.image_size[0]
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (side // 16, side // 16, 3)).repeat(16, 0).repeat(16, 1)
    picture = np.clip(coarse + random.normal(0, 20, (side, side, 3)) + np.linspace(-40, 40, side)[:, None], 0, 255).astype(np.uint8)
    mean, deviation = torch.tensor(OPENAI_DATASET_MEAN), torch.tensor(OPENAI_DATASET_STD)
    pixels = ((torch.from_numpy(picture).float() / 255 - mean) / deviation).permute(2, 0, 1)[None]
    rows = open_clip.get_tokenizer(name)(TEXTS)
    results = {"picture": picture}
    with torch.no_grad():
        output = network.visual.forward_intermediates(pixels, output_fmt="NLC", output_extra_tokens=True)
        stream = [torch.cat(pair, dim=1) for pair in zip(output["image_intermediates_prefix"], output["image_intermediates"])]
        for block, tokens in enumerate(stream, 1):
            results[f"block.{block}"] = tokens[0].numpy()
        results["normalised"] = network.visual.ln_post(stream[-1])[0].numpy()
        results["embedding"] = output["image_features"][0].numpy()
        results["text.features"] = network.encode_text(rows).numpy()
    save_file({key: np.ascontiguousarray(value) for key, value in results.items()}, folder / "expected.safetensors")
    tokens = [row[: row.index(max(row)) + 1] for row in rows.tolist()]
    json.dump({"texts": TEXTS, "tokens": tokens}, sys.stdout)


main()
