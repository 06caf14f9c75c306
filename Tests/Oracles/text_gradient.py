"""Text features of open_clip's text tower and, by torch's autograd, their gradient at vectors given in place of words.

    text_gradient.py VARIANT SEED FOLDER

VARIANT is a key of VARIANTS: a small tower with the released shape's heads and activation. Written into FOLDER:

weights.safetensors   the tower's weights under our names and in our layout (docs/model-format.md), F32
expected.safetensors  tokens    I32 [prompts, context]   an id; -1 - v stands for row v of `vectors`; 0 after the end
                      vectors   F32 [vectors, width]
                      upstream  F32 [prompts, embed]     the gradient at the features
                      features  F32 [prompts, embed]     not normalised
                      gradient  F32 [vectors, width]

Standard output: one JSON object with width, depth, heads, activation, context, vocabulary and embedding.

Needs requirements-open-clip.txt.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.numpy import save_file

EMBEDDING, VOCABULARY, CONTEXT = 96, 560, 77
VARIANTS = {
    # width, heads, depth, quick GELU
    "openai": (128, 2, 3, True),  # ViT-B/32, B/16 and L/14 as OpenAI released them
    "laion": (192, 3, 2, False),  # ViT-B-16-plus-240, L/14 on LAION
    "tinyclip": (64, 1, 3, False),
}


def main():
    variant, seed, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    width, heads, depth, quick = VARIANTS[variant]
    vision = CLIPVisionCfg(layers=1, width=64, head_width=64, patch_size=16, image_size=32)
    text = CLIPTextCfg(context_length=CONTEXT, vocab_size=VOCABULARY, width=width, heads=heads, layers=depth)
    model = CLIP(EMBEDDING, vision, text, quick_gelu=quick).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if ".ln_" in name or name.startswith("ln_"):
            value = (1 if name.endswith("weight") else 0) + 0.2 * noise
        elif parameter.ndim == 2 and "embedding" not in name:
            value = noise * (2 / parameter.shape[1] ** 0.5)
        else:
            value = 0.3 * noise
        parameter.data.copy_(value)

    numbers = np.random.default_rng(seed)
    vectors = torch.tensor(numbers.normal(0, 0.5, (7, width)).astype(np.float32), requires_grad=True)
    shared = [VOCABULARY - 2, -1, -2, -3, -4]
    prompts = [shared + list(map(int, numbers.integers(1, 500, length))) for length in (1, 2, 4, 9)]
    prompts += [[VOCABULARY - 2, -5, -6, 17], [VOCABULARY - 2, -1, -2, -7, 40, 41], shared + [3] * 71]
    tokens = np.zeros((len(prompts), CONTEXT), np.int32)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt) + 1] = prompt + [VOCABULARY - 1]

    ids = torch.from_numpy(tokens).long()
    words = model.token_embedding(ids.clamp(min=0)).detach()
    given = vectors[(-1 - ids).clamp(min=0)]
    x = torch.where((ids < 0).unsqueeze(-1), given, words) + model.positional_embedding.detach()
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask))
    features = x[torch.arange(len(prompts)), ids.argmax(dim=-1)] @ model.text_projection
    plain = torch.from_numpy(np.where(tokens[4:5] < 0, 5, tokens[4:5])).long()
    assert torch.allclose(
        model.encode_text(plain),
        (lambda y: y[torch.arange(1), plain.argmax(dim=-1)] @ model.text_projection)(
            model.ln_final(model.transformer(model.token_embedding(plain) + model.positional_embedding, attn_mask=model.attn_mask))
        ),
        atol=1e-5,
    ), "this is not how open_clip encodes text"
    upstream = torch.tensor(numbers.normal(0, 1, features.shape).astype(np.float32))
    (features * upstream).sum().backward()

    parts = {
        "ln_1": "norm1", "ln_2": "norm2", "attn.in_proj_": "attention.qkv.", "attn.out_proj": "attention.out",
        "mlp.c_fc": "mlp.in", "mlp.c_proj": "mlp.out",
    }
    weights = {
        "text.embedding": model.token_embedding.weight, "text.position": model.positional_embedding,
        "text.norm.weight": model.ln_final.weight, "text.norm.bias": model.ln_final.bias,
        "text.projection": model.text_projection.T, "logit_scale": model.logit_scale.reshape(1),
    }
    for name, value in model.transformer.resblocks.named_parameters():
        for old, new in parts.items():
            name = name.replace(old, new)
        weights[f"text.blocks.{name}"] = value
    save_file({name: np.ascontiguousarray(value.detach().numpy()) for name, value in weights.items()}, folder / "weights.safetensors")
    save_file(
        {
            "tokens": tokens, "vectors": vectors.detach().numpy(), "upstream": upstream.numpy(),
            "features": features.detach().numpy(), "gradient": vectors.grad.numpy(),
        },
        folder / "expected.safetensors",
    )
    json.dump(
        {
            "width": width, "depth": depth, "heads": heads, "activation": "quick_gelu" if quick else "gelu",
            "context": CONTEXT, "vocabulary": VOCABULARY, "embedding": EMBEDDING,
        },
        sys.stdout,
    )


main()
