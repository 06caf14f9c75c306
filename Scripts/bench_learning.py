"""The driver of Scripts/bench-learning: the same prompts learned by assayctl and by torch, one after the other.

A whole run in torch takes a quarter of an hour and every step does the same work, so a few steps are timed and multiplied;
the output says how many. Both start from the same vectors, and the losses of their first steps must agree.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache/bench"
ASSAYCTL = os.environ.get("ASSAYCTL", str(ROOT / ".build/release/assayctl"))
MERGES = ROOT / ".cache/vocabulary/clip-merges.txt"
SEED = 111
# ViT-B-16-plus-240
SIDE, PATCH, WIDTH, HEADS, DEPTH = 240, 16, 896, 14, 12
TEXT_WIDTH, TEXT_HEADS, CONTEXT, VOCABULARY, EMBEDDING = 640, 10, 77, 49408, 640


class Block(nn.Module):
    """A transformer block of CLIP, of torch's own layers."""

    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(DEPTH))

    def forward(self, x, mask=None):
        x = x.permute(1, 0, 2)
        for block in self.resblocks:
            x = block(x, mask)
        return x.permute(1, 0, 2)


class Visual(nn.Module):
    """Runs the main path only. The release runs the local one too, even where it is not used."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH) * 0.03)
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH) * 0.03)
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Transformer(WIDTH, HEADS)
        self.proj = nn.Parameter(torch.randn(WIDTH, EMBEDDING) * WIDTH**-0.5)

    def forward(self, pixels):
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))) @ self.proj


class CLIP(nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Visual()
        self.transformer = Transformer(TEXT_WIDTH, TEXT_HEADS)
        self.token_embedding = nn.Embedding(VOCABULARY, TEXT_WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, TEXT_WIDTH) * 0.01)
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_projection = nn.Parameter(torch.randn(TEXT_WIDTH, EMBEDDING) * TEXT_WIDTH**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=TEXT_WIDTH**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=TEXT_WIDTH**-0.5 * (2 * DEPTH) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * TEXT_WIDTH) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=TEXT_WIDTH**-0.5 * (2 * DEPTH) ** -0.5)

    def encode_text(self, x, ends, length):
        mask = torch.full((length, length), float("-inf")).triu_(1)
        x = self.transformer(x[:, :length] + self.positional_embedding[:length], mask)
        return self.ln_final(x)[torch.arange(len(x)), ends] @ self.text_projection


class SplitMix:
    """The normal numbers that assayctl starts from (NormalVectors.swift)."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53

    def matrix(self, rows):
        pairs = [(self.uniform(), self.uniform()) for _ in range(rows * TEXT_WIDTH)]
        values = [0.02 * math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v) for u, v in pairs]
        return torch.tensor(values).reshape(rows, TEXT_WIDTH)


class Learning:
    """One set of prompts as the release learns it, step by step."""

    def __init__(self, model, prompts, kinds, vectors, pixels, features, frozen, length):
        self.model, self.pixels, self.features, self.length = model, pixels, features, length
        normal, manual, _ = kinds
        self.parts = [slice(0, normal), slice(normal, normal + manual), slice(normal + manual, None)]
        self.vectors = vectors.clone().requires_grad_(True)
        self.descent = torch.optim.SGD([self.vectors], lr=0.002, momentum=0.9, weight_decay=5e-4)
        for parameter in model.parameters():
            parameter.requires_grad_(not frozen)
        tokens = torch.zeros(len(prompts), CONTEXT, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            tokens[row, : len(prompt)] = torch.tensor(prompt)
        self.given, self.index = (tokens < 0).unsqueeze(-1), (-1 - tokens).clamp(min=0)
        self.ends = torch.tensor([len(prompt) - 1 for prompt in prompts])
        with torch.no_grad():
            self.words = model.token_embedding(tokens.clamp(min=0))

    def text(self):
        x = torch.where(self.given, self.vectors[self.index], self.words)
        return self.model.encode_text(x, self.ends, self.length)

    def step(self):
        """The losses before the update."""
        if self.pixels is not None:
            with torch.no_grad():
                # What comes out is the same every time; the release computes it every time.
                self.model.visual(self.pixels)
        unit = nn.functional.normalize
        x, text = self.features.flatten(0, -2), self.text()
        normal, manual, learned = (text[part] for part in self.parts)
        mean = unit(normal.mean(0), dim=0)
        abnormal = torch.cat([manual, learned])
        opposite = unit(abnormal.mean(0), dim=0)
        logits = self.model.logit_scale * (x @ torch.cat([mean[None], unit(abnormal, dim=1)]).T)
        contrast = nn.functional.cross_entropy(logits, torch.zeros(len(x), dtype=torch.long))
        # Over channels for images, over patches for pixels: the release's wrong axis.
        axis = 1 if self.features.ndim == 3 else -1
        distance = ((self.features - mean) ** 2).sum(axis) - ((self.features - opposite) ** 2).sum(axis)
        alignment = (unit(manual, dim=1).mean(0) - unit(learned, dim=1).mean(0)).square().sum()
        loss = contrast + distance.relu().mean() + 0.001 * alignment
        self.descent.zero_grad()
        loss.backward()
        self.descent.step()
        return loss.item()

    def rebuild(self):
        with torch.no_grad():
            self.text()


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def prepare(shots):
    """The checkpoint, our model file made from it, and features of imagined references."""
    CACHE.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    with torch.no_grad():
        model = CLIP().eval()
    checkpoint, file = CACHE / "plus240.safetensors", CACHE / "plus240-int8.safetensors"
    if not file.exists():
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, checkpoint)
        command = [ASSAYCTL, "model", "import", str(checkpoint), "--output", str(file), "--precision", "int8", "--origin", "random",
                   "--activation", "gelu", "--vocabulary", str(MERGES)]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        checkpoint.unlink()
    unit = nn.functional.normalize
    images = unit(torch.randn(shots, EMBEDDING), dim=-1)
    patches = unit(torch.randn(shots, (SIDE // PATCH) ** 2, EMBEDDING), dim=-1)
    features = CACHE / "features.safetensors"
    save_file({"images": images, "patches": patches.flatten(0, 1)}, features)
    return model, file, features, images, patches


def main():
    parser = argparse.ArgumentParser(prog="bench-learning")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--torch-steps", type=int, default=3, help="steps timed in torch, after one that is not")
    parser.add_argument("--shots", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(True)
    model, file, features, images, patches = prepare(arguments.shots)

    command = [ASSAYCTL, "bench-learning", "--model", str(file), "--features", str(features), "--steps", str(arguments.steps),
               "--threads", str(arguments.threads), "--seed", str(SEED), "--json"]  # fmt: skip
    ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    random = SplitMix(SEED)
    sets = []
    for name, reference in [("image", images), ("pixel", patches)]:
        facts = ours[name]
        sets.append((name, facts, random.matrix(facts["vectors"]), reference))
    pixels = torch.randn(arguments.shots, 3, SIDE, SIDE)
    variants = {
        # name: (encodes the images again, weights frozen, prompts cut at the longest one's end)
        "as released": (True, False, False),
        "image features kept": (False, False, False),
        "kept, frozen and cut": (False, True, True),
    }
    seconds, rebuild, worst = {}, 0.0, 0.0
    for variant, (encodes, frozen, cut) in variants.items():
        seconds[variant] = 0.0
        for name, facts, vectors, reference in sets:
            length = max(map(len, facts["prompts"])) if cut else CONTEXT
            learning = Learning(
                model, facts["prompts"], facts["kinds"], vectors, pixels if encodes else None, reference, frozen, length)
            losses, times = [learning.step()], []
            for _ in range(arguments.torch_steps):
                took, loss = timed(learning.step)
                times.append(took)
                losses.append(loss)
            seconds[variant] += statistics.median(times) * arguments.steps
            worst = max([worst] + [abs(a - b) for a, b in zip(losses, facts["losses"])])
            if variant == "as released":
                rebuild += timed(learning.rebuild)[0] * arguments.steps
            del learning
            model.zero_grad(set_to_none=True)
            print(f"torch, {variant}, {name}: {statistics.median(times):.2f} s a step", file=sys.stderr)
    if not worst < 1e-3:
        sys.exit(f"The losses of torch and assayctl differ by {worst:.2g}: they do not learn the same.")

    result = {
        "seconds": ours["seconds"],
        "torch_seconds": seconds["as released"],
        "speedup_over_torch": seconds["as released"] / ours["seconds"],
        "torch_seconds_image_features_kept": seconds["image features kept"],
        "torch_seconds_kept_frozen_and_cut": seconds["kept, frozen and cut"],
        "torch_seconds_rebuilding_prototypes": rebuild,
        "load_seconds": ours["load_seconds"],
        "rss_mb": ours["rss_mb"],
        "rows": ours["rows"],
        "largest_loss_difference": worst,
        "steps": arguments.steps,
        "torch_steps_timed": arguments.torch_steps,
        "threads": arguments.threads,
        "shots": arguments.shots,
        "kernels": ours["path"],
        "torch": torch.__version__,
    }
    prompts = " + ".join(f"{len(facts['prompts'])} {name}" for name, facts, _, _ in sets)
    print(f"ViT-B-16-plus-240, random weights, {prompts} prompts, {arguments.steps} steps, {arguments.threads} threads")
    print(f"assayctl                            {result['seconds']:8.1f} s   (and {result['load_seconds']:.1f} s to load the text tower)")
    for variant, total in seconds.items():
        print(f"torch {torch.__version__}, {variant:22}{total:8.1f} s   {total / ours['seconds']:6.1f} times as long")
    print(
        f"torch's are {arguments.torch_steps} timed steps of each set (median), times {arguments.steps}. The release also rebuilds its "
        f"prototypes after every step:\n{rebuild:.1f} s more, not counted. Losses of the first steps differ by at most {worst:.1g}.")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


main()
