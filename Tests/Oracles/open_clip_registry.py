"""What open_clip's registry says of its CLIP weights with plain ViT towers.

    open_clip_registry.py MODEL ...

Standard output: {"MODEL/TAG": {"activation": gelu or quick_gelu, "mean": [...], "deviation": [...], "hash": first digits of the
file's SHA-256 as its address gives them, or null, "sizes": {...}}}.

Needs requirements-open-clip.txt.
"""

import json
import re
import sys

import open_clip
from open_clip.pretrained import get_pretrained_cfg

result = {}
for model in sys.argv[1:]:
    config = open_clip.get_model_config(model)
    vision, text = config["vision_cfg"], config["text_cfg"]
    for tag in open_clip.list_pretrained_tags_by_model(model):
        weights = get_pretrained_cfg(model, tag)
        quick = weights.get("quick_gelu", config.get("quick_gelu", False))
        address = re.search(r"/([0-9a-f]{64})/|-([0-9a-f]{8})\.pth?$", weights["url"])
        result[f"{model}/{tag}"] = {
            "activation": "quick_gelu" if quick else "gelu", "mean": weights["mean"], "deviation": weights["std"],
            "hash": (address[1] or address[2])[:8] if address else None,
            "sizes": {
                "patch": vision["patch_size"], "grid": vision["image_size"] // vision["patch_size"], "width": vision["width"],
                "depth": vision["layers"], "textWidth": text["width"], "textDepth": text["layers"],
                "embedding": config["embed_dim"],
            },
        }
json.dump(result, sys.stdout)
