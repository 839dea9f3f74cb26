"""Mean average precision by pycocotools, the judge of COCO: the mean over classes, at most 100 boxes an image.

`edgesynth.metrics.average_precision` is the same in numpy, at an IoU of 0.5.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edgesynth.optional import optional

EXTRA = "detection"
MOST = 100
PIXELS = 1e4  # shares as pixels of a large image: COCO's areas leave out what is below one


def check_installed() -> None:
    """Refuse to begin without the judge.

    Raises:
        UserError: pycocotools is not installed; what to install.
    """
    optional("pycocotools.cocoeval", EXTRA)


def mean_average_precision(
    detected: Sequence[Tensor], labels: Tensor, classes: int, overlaps: Sequence[float] = (0.5,)
) -> float:
    """Percent; the mean over the classes that the labels have boxes of, and over the overlaps.

    Args:
        detected: for each image (K, 6): class, score, left, top, right, bottom.
        labels: (N, M, 5): class (-1: no box), left, top, right, bottom.
        classes: how many there are.
        overlaps: IoU from which a box is found.

    Returns:
        0 to 100; nan if the labels have no box, or if a box that was detected is not finite.
    """
    coco, judge = (optional(f"pycocotools.{name}", EXTRA) for name in ("coco", "cocoeval"))
    rows = torch.cat(
        [torch.cat([torch.full((len(one), 1), place), one.cpu()], 1) for place, one in enumerate(detected)]
    )
    if not bool(torch.isfinite(rows).all()) or not bool((labels[..., 0] >= 0).any()):
        return math.nan
    if not len(rows):
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of its progress
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": place} for place in range(len(labels))],
            "categories": [{"id": kind} for kind in range(classes)],
            "annotations": _annotations(labels.double()),
        }
        truth.createIndex()
        corners = rows[:, 3:].double() * PIXELS
        given = torch.cat([rows[:, :1], corners[:, :2], corners[:, 2:] - corners[:, :2], rows[:, 2:3], rows[:, 1:2]], 1)
        found = judge.COCOeval(truth, truth.loadRes(given.double().numpy()), "bbox")
        found.params.iouThrs = np.array(overlaps)
        found.params.maxDets = [MOST]
        found.params.areaRng, found.params.areaRngLbl = [[0, math.inf]], ["all"]
        found.evaluate()
        found.accumulate()
    precision = found.eval["precision"]  # -1 for classes that the labels lack
    return 100.0 * float(precision[precision > -1].mean())


def _annotations(labels: Tensor) -> list[dict[str, object]]:
    image, box = (labels[..., 0] >= 0).nonzero(as_tuple=True)
    found: list[dict[str, object]] = []
    for place, (kind, *corners) in zip(image.tolist(), labels[image, box].tolist(), strict=True):
        left, top, right, bottom = (PIXELS * corner for corner in corners)
        found.append(
            {
                "id": len(found) + 1,
                "image_id": place,
                "category_id": int(kind),
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": 0,
            }
        )
    return found
