"""Lays out JPEG pictures of parts for the machine's cameras: parts.py FOLDER [MVTEC-CATEGORY]

FOLDER/references (8), FOLDER/good (8) and FOLDER/defective (8), 320 x 240 pixels: taken from a folder laid out like MVTec AD, or
drawn: a ring whose place and tone vary a little, with a notch where it is defective.
"""

import pathlib
import random
import sys

from PIL import Image, ImageDraw, ImageOps

SIZE, COUNT = (320, 240), 8


def drawn(number, defective):
    generator = random.Random(number)
    picture = Image.new("RGB", SIZE, (40, 42, 45))
    pen = ImageDraw.Draw(picture)
    x, y = 160 + generator.randint(-4, 4), 120 + generator.randint(-4, 4)
    tone = 170 + generator.randint(-10, 10)
    pen.ellipse((x - 80, y - 80, x + 80, y + 80), fill=(tone, tone, tone - 20))
    pen.ellipse((x - 30, y - 30, x + 30, y + 30), fill=(40, 42, 45))
    if defective:
        pen.polygon([(x + 20, y - 75), (x + 60, y - 60), (x + 38, y - 30)], fill=(200, 60, 40))
    return picture


def spread(files):
    files = sorted(files)
    return [files[i * len(files) // COUNT] for i in range(COUNT)]


def pictures(category):
    """The kind of each picture and how to make it."""
    if category is None:
        for i in range(COUNT):
            yield "references", drawn(i, False)
            yield "good", drawn(100 + i, False)
            yield "defective", drawn(200 + i, True)
        return
    groups = {
        "references": (category / "train" / "good").iterdir(),
        "good": (category / "test" / "good").iterdir(),
        "defective": (f for d in (category / "test").iterdir() if d.name != "good" for f in d.iterdir()),
    }
    for kind, files in groups.items():
        for file in spread(files):
            with Image.open(file) as picture:
                yield kind, ImageOps.pad(picture.convert("RGB"), SIZE)


def main():
    folder = pathlib.Path(sys.argv[1])
    category = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    counts = {}
    for kind, picture in pictures(category):
        number = counts[kind] = counts.get(kind, 0) + 1
        (folder / kind).mkdir(parents=True, exist_ok=True)
        # 4:2:2 is what USB cameras send.
        picture.save(folder / kind / f"{number:02}.jpg", quality=85, subsampling=1)


main()
