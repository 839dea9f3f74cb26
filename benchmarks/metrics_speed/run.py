"""Mean average precision in numpy against COCO's own judge (pycocotools), on a split of many images with boxes.

    python -m benchmarks.metrics_speed.run

Both judge the same boxes: 20 classes, about 6 true boxes an image, 30 detected ones, at an IoU of 0.5 and over 0.5 to
0.95. Each is the median of three. Results go to result.json and to README.md, both beside this script.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared.tables import write_table
from edgesynth.metrics.average_precision import mean_average_precision
from tests.metrics.judge import judged

HERE = Path(__file__).resolve().parent
OVERLAPS = {"0.5": (0.5,), "0.5 to 0.95": tuple(round(0.5 + 0.05 * step, 2) for step in range(10))}
CLASSES = 20


def main() -> None:
    """Time both, and write the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000, help="of the split")
    arguments = parser.parse_args()
    detected, labels = split(arguments.images)
    rows = {}
    for name, overlaps in OVERLAPS.items():
        ours_s, ours = timed(lambda overlaps=overlaps: mean_average_precision(detected, labels, overlaps))
        theirs_s, theirs = timed(lambda overlaps=overlaps: judged(detected, labels, CLASSES, overlaps))
        rows[name] = {
            "numpy_s": ours_s,
            "pycocotools_s": theirs_s,
            "times_as_long": ours_s / theirs_s,
            "points_apart": abs(ours - theirs),
        }
        print(f"IoU {name}: numpy {ours_s:.2f} s, pycocotools {theirs_s:.2f} s, {ours:.4f} and {theirs:.4f} %")
    document = {"benchmark": "metrics_speed", "images": arguments.images, "overlaps": rows}
    (HERE / "result.json").write_text(json.dumps(document, indent=1) + "\n")
    write_table(HERE / "README.md", "metrics_speed", table(document))


def table(document: dict[str, Any]) -> str:
    """What README.md says of the results."""
    loose, strict = document["overlaps"].values()
    apart = max(loose["points_apart"], strict["points_apart"])
    return (
        f"**{loose['times_as_long']:.2f}** times as long at an IoU of 0.5 and **{strict['times_as_long']:.2f}** times "
        f"over 0.5 to 0.95, the same figures to {apart:.0e} points."
    )


def split(images: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Detected boxes (K, 6) of each image, and labels (N, 8, 5)."""
    draws = np.random.default_rng(0)
    low = 0.7 * draws.random((images, 8, 2))
    labels = np.concatenate(
        [draws.integers(0, CLASSES, (images, 8, 1)), low, low + 0.05 + 0.25 * draws.random(low.shape)], 2
    )
    labels[draws.random((images, 8)) < 0.25, 0] = -1
    detected = []
    for boxes in labels:
        true = boxes[boxes[:, 0] >= 0]
        chosen = true[draws.integers(0, len(true), 30)] if len(true) else boxes[draws.integers(0, 8, 30)]
        kinds = np.where(draws.random(30) < 0.6, np.maximum(chosen[:, 0], 0), draws.integers(0, CLASSES, 30))
        corners = chosen[:, 1:] + draws.normal(0, 0.03, (30, 4))
        rows = np.concatenate([kinds[:, None], draws.random((30, 1)), corners], 1)
        rows = rows[(rows[:, 4:] > rows[:, 2:4]).all(axis=1)]
        detected.append(rows[np.argsort(-rows[:, 1], kind="mergesort")])
    return detected, labels


def timed(judge: Callable[[], float]) -> tuple[float, float]:
    """Median seconds of three calls, and what they gave."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        score = judge()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), score


if __name__ == "__main__":
    main()
