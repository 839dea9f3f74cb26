"""What it saves to keep decoded pixels on disk: the same data read by a first command, and by the next.

    python -m benchmarks.decoded_pixels.run

Photographs of 1024x768 in JPEG, as a folder for each class and as pairs of image and mask, are made in a temporary
folder, with a cache of their own. Each reading is an interpreter of its own; the figure is the time that the task takes
to be read there, without the imports. The first reads anew (an empty cache), the others read what it has kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.shared.tables import write_table
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.lineage.storage.files import write_json

HERE = Path(__file__).resolve().parent
SIZE = (1024, 768)
# Files are as old as this before they are read: younger ones are not kept.
AGE_S = 60
READING = """
import hashlib, json, sys, time
from pathlib import Path
from edgesynth.tasks import load_task
begin = time.perf_counter()
task = load_task(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
seconds = time.perf_counter() - begin
images = task.train.images
pixels = images if hasattr(images, "numpy") else next(images.split(len(images)))
print(json.dumps([seconds, hashlib.sha256(pixels.numpy().tobytes()).hexdigest()]))
"""


def main() -> None:
    """Measure, and write the result and its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--image-size", type=int, default=64, help="pixels that tasks scale to")
    parser.add_argument("--readings", type=int, default=5, help="after the first")
    parser.add_argument("--trial", action="store_true", help="print only")
    arguments = parser.parse_args()

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for task, make in (("imagefolder", classes), ("masks", pairs)):
            root, cache = Path(folder, task), Path(folder, f"{task} cache")
            make(root, arguments.images)
            seconds, digests = [], set()
            for _ in range(1 + arguments.readings):
                reading_s, digest = reading(task, root, arguments.image_size, cache)
                seconds.append(reading_s)
                digests.add(digest)
            assert len(digests) == 1, "pixels that were kept are others than those that were decoded"
            kept = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
            rows[task] = {
                "first_s": seconds[0],
                "next_s": statistics.median(seconds[1:]),
                "ratio": seconds[0] / statistics.median(seconds[1:]),
                "cache_bytes": kept,
            }
    document = {
        "benchmark": "decoded_pixels",
        "machine": describe_machine(),
        "images": arguments.images,
        "pixels": list(SIZE),
        "image_size": arguments.image_size,
        "tasks": rows,
    }
    print(table(document))
    if not arguments.trial:
        write_json(HERE / "result.json", document)
        write_table(HERE / "README.md", "decoded_pixels", table(document))


def table(document: dict[str, Any]) -> str:
    """Markdown of the results."""
    head = "| task | images | first command, s | next command, s | times as fast | on disk, MB |"
    lines = [head, "|---|" + "---:|" * 5]
    for task, row in document["tasks"].items():
        lines.append(
            f"| {task} | {document['images']} | {row['first_s']:.2f} | {row['next_s']:.2f} | **{row['ratio']:.0f}** "
            f"| {row['cache_bytes'] / 1e6:.1f} |"
        )
    return "\n".join(lines)


def reading(task: str, root: Path, image_size: int, cache: Path) -> tuple[float, str]:
    """Seconds that a new interpreter takes to read a task, and the digest of its training images."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    environment.pop("EDGESYNTH_PIXELS_MIB", None)
    command = [sys.executable, "-c", READING, task, str(root), str(image_size)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, digest = json.loads(done.stdout)
    return seconds, digest


def classes(root: Path, count: int) -> None:
    """A folder for each of four classes."""
    for number in range(count):
        write(root / f"class {number % 4}" / f"{number:04}.jpg", photograph(number))


def pairs(root: Path, count: int) -> None:
    """Images, and masks of their size."""
    for number in range(count):
        image = photograph(number)
        write(root / "images" / f"{number:04}.jpg", image)
        mask = image.convert("L").point(lambda level: 255 if level > 127 else 0)
        write(root / "masks" / f"{number:04}.png", mask)


def photograph(number: int) -> Image.Image:
    """Smooth colors with some grain, always the same for a number."""
    source = np.random.default_rng(number)
    coarse = Image.fromarray(source.integers(0, 256, (12, 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.int16)
    grain = source.integers(-6, 7, smooth.shape, np.int16)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def write(path: Path, image: Image.Image) -> None:
    """Write an image that is some time old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=90)
    then = time.time() - AGE_S
    os.utime(path, (then, then))


if __name__ == "__main__":
    main()
