"""Maps and masks by the rules of released evaluation code, with scipy and Pillow; says how far other maps are from them.

Rules are written down here by name, as docs/accuracy.md gives them: size, PyTorch's align_corners, sigma, how masks are
resized."""
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

RULES = {
    "assayd": (128, False, 2, "nearest"),
    "promptad": (400, False, 4, "1024"),
    "bayes-pfl": (518, True, 8, "bilinear"),
    "april-gan": (518, True, 0, "bilinear"),
    "dapo": (518, True, 0, "bilinear"),
    "anomalydino": (None, False, 4, "nearest"),
    "winclip": (None, False, 0, "nearest"),
}


def positions(source, target, aligned):
    at = np.arange(target)
    return at * (source - 1) / (target - 1) if aligned else (at + 0.5) * source / target - 0.5


def nearest(mask, height, width):
    rows = np.arange(height) * mask.shape[0] // height
    return mask[rows][:, np.arange(width) * mask.shape[1] // width]


folder = Path(sys.argv[1])
case = json.load(open(folder / "case.json"))
grid = np.array(case["scores"], dtype=np.float32).reshape(case["rows"], -1)
truth = np.array(Image.open(folder / "mask.png").convert("L")) > 0
answers = {}
for name, (side, aligned, sigma, masks) in RULES.items():
    height, width = (side, side) if side else (case["height"], case["width"])
    where = np.meshgrid(
        positions(grid.shape[0], height, aligned), positions(grid.shape[1], width, aligned), indexing="ij"
    )
    scores = map_coordinates(grid, where, order=1, mode="nearest")
    if sigma:
        scores = gaussian_filter(scores, sigma)
    if masks == "bilinear":
        image = Image.fromarray(truth.astype(np.uint8) * 255)
        mask = np.array(image.resize((width, height), Image.BILINEAR)) / 255 > 0.5
    else:
        mask = nearest(nearest(truth, 1024, 1024) if masks == "1024" else truth, height, width)
    ours = np.fromfile(folder / f"{name}.map", dtype=np.float32).reshape(height, width)
    answers[name] = {
        "map": float(np.abs(ours - scores).max()),
        "mask": int((np.fromfile(folder / f"{name}.mask", dtype=np.uint8).reshape(height, width) != mask).sum()),
        "defective": int(mask.sum()),
    }
print(json.dumps(answers))
