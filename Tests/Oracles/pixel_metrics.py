"""Pixel metrics: by scikit-learn, and AUPRO with numpy and regions by scipy, every threshold one by one, straight from
the definition."""
import json
import sys

import numpy as np
from scipy.ndimage import label
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

LIMIT = 0.3


def curve(maps, regions, sizes, thresholds, strictly):
    """(false-positive rate, per-region overlap) at each threshold."""
    free = regions == 0
    points = []
    for threshold in thresholds:
        detected = maps > threshold if strictly else maps >= threshold
        hits = np.bincount(regions[detected], minlength=len(sizes) + 1)[1:]
        points.append((detected[free].mean(), (hits / sizes).mean()))
    return np.array(points)


answers = []
for case in json.load(open(sys.argv[1])):
    side = case["side"]
    maps = np.array(case["maps"], dtype=np.float32).reshape(-1, side, side)
    regions = np.zeros(maps.shape, dtype=int)
    count = 0
    for picture, mask in enumerate(np.array(case["masks"]).reshape(-1, side, side)):
        labels, found = label(mask, structure=np.ones((3, 3)))
        regions[picture] = np.where(labels > 0, labels + count, 0)
        count += found
    sizes = np.bincount(regions.ravel(), minlength=count + 1)[1:]

    points = curve(maps, regions, sizes, np.unique(maps)[::-1], strictly=False)
    rate, overlap = np.vstack([[0, 0], points, [1, 1]]).T
    inside = rate <= LIMIT
    at_limit = np.interp(LIMIT, rate, overlap)
    exact = np.trapezoid(np.append(overlap[inside], at_limit), np.append(rate[inside], LIMIT)) / LIMIT

    low, high = float(maps.min()), float(maps.max())
    steps = [low + step * (high - low) / 200 for step in range(200)]
    rate, overlap = curve(maps.astype(np.float64), regions, sizes, steps, strictly=True).T
    kept = rate < LIMIT
    rate, overlap = rate[kept], overlap[kept]
    span = rate.max() - rate.min() if len(rate) else 0
    coarse = -np.trapezoid(overlap, (rate - rate.min()) / span) if span > 0 else 0.0
    labels = (regions > 0).ravel()
    precision, recall, _ = precision_recall_curve(labels, maps.ravel())
    total = precision + recall
    kinds = {}
    for kind in sorted({kind for kind in case["kinds"] if kind}):
        chosen = [index for index, other in enumerate(case["kinds"]) if other in (kind, "")]
        kinds[kind] = roc_auc_score((regions[chosen] > 0).ravel(), maps[chosen].ravel())
    answers.append(
        {
            "exact": exact,
            "thresholds200": coarse,
            "regions": count,
            "auroc": roc_auc_score(labels, maps.ravel()),
            "ap": average_precision_score(labels, maps.ravel()),
            "f1": np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0).max(),
            "kinds": kinds,
        }
    )
print(json.dumps(answers))
