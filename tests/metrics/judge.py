"""COCO's own judge, pycocotools, as the oracle of mean average precision."""

import contextlib
import io
import math

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

PIXELS = 1e4  # shares as pixels of a large image: COCO's areas leave out what is below one


def judged(detected, labels, classes, overlaps=(0.5,)):
    """Percent, as `mean_average_precision` gives it."""
    truth = COCO()
    rows = [(image, *row) for image, boxes in enumerate(detected) for row in np.asarray(boxes, np.float64)]
    annotations = []
    for image, boxes in enumerate(np.asarray(labels, np.float64)):
        for kind, *corners in boxes[boxes[:, 0] >= 0]:
            left, top, right, bottom = (PIXELS * corner for corner in corners)
            box = [left, top, right - left, bottom - top]
            facts = {"id": len(annotations) + 1, "image_id": image, "category_id": int(kind), "iscrowd": 0}
            annotations.append({**facts, "bbox": box, "area": box[2] * box[3]})
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of its progress
        images, categories = [{"id": image} for image in range(len(labels))], [{"id": kind} for kind in range(classes)]
        truth.dataset = {"images": images, "categories": categories, "annotations": annotations}
        truth.createIndex()
        given = np.array(rows)
        corners = given[:, 3:] * PIXELS
        given = np.concatenate(
            [given[:, :1], corners[:, :2], corners[:, 2:] - corners[:, :2], given[:, 2:3], given[:, 1:2]], 1
        )
        judge = COCOeval(truth, truth.loadRes(given), "bbox")
        judge.params.iouThrs, judge.params.maxDets = np.array(overlaps), [100]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, math.inf]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]  # -1 for classes that the labels lack
    return 100.0 * float(precision[precision > -1].mean())
