"""Boxes of a detector's output: decoded as `output.decoding` of the manifest says, with non-maximum suppression.

This file needs numpy and nothing of edgesynth: `edgesynth export` copies it into the bundle of a detector. The
detection task does the same in torch during training.
"""

from typing import Any, Dict, List, Tuple

import numpy as np

MOST_LOG = 8.0  # sizes beyond exp(8) anchors would overflow and mean nothing
TINY = 1e-12


def detections(outputs: np.ndarray, decoding: Dict[str, Any]) -> List[np.ndarray]:
    """Decode the outputs of a detector.

    Args:
        outputs: (N, channels, h, w), as the network gives them; or (N, rows, 6), where the file decodes them itself.
        decoding: the manifest's `output.decoding`, of the form `boxes`; or `detections`, for the latter.

    Returns:
        For each image (K, 6): class, score (0 to 1), left, top, right, bottom in shares of the network's square input,
        the surest first.
    """
    if decodes(decoding):
        return [rows[rows[:, 0] >= 0].astype(np.float32) for rows in outputs]
    corners, scores = HEADS[decoding["head"]](outputs.astype(np.float32), decoding)
    return [_suppressed(image_corners, image_scores, decoding) for image_corners, image_scores in zip(corners, scores)]


def decodes(decoding: Dict[str, Any]) -> bool:
    """Whether a model decodes its boxes itself.

    Args:
        decoding: the manifest's `output.decoding`.
    """
    return decoding.get("form") == "detections"


def channels(decoding: Dict[str, Any]) -> int:
    """How many channels the output has.

    Args:
        decoding: the manifest's `output.decoding`, of the form `boxes`.
    """
    classes = int(decoding["classes"])
    return classes + 4 if decoding["head"] == "detectnet" else len(decoding["anchors"]) * (5 + classes)


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others.

    Args:
        box: (4,) left, top, right, bottom.
        others: (K, 4).

    Returns:
        (K,), 0 to 1.
    """
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, TINY)


def _yolov2(outputs: np.ndarray, decoding: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray]:
    """Corners (N, P, 4) and scores (N, P, C): place within a cell, size against an anchor, objectness, classes."""
    anchors = np.array(decoding["anchors"], np.float32)
    count, _, height, width = outputs.shape
    cells = outputs.reshape(count, len(anchors), -1, height, width).transpose(0, 1, 3, 4, 2)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    grid = np.stack([columns, rows], axis=-1).astype(np.float32)
    centers = (_sigmoid(cells[..., :2]) + grid) / np.array([width, height], np.float32)
    sizes = np.exp(np.clip(cells[..., 2:4], -MOST_LOG, MOST_LOG)) * anchors[:, None, None]
    corners = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1)
    shares = np.exp(cells[..., 5:] - cells[..., 5:].max(axis=-1, keepdims=True))
    scores = _sigmoid(cells[..., 4:5]) * shares / shares.sum(axis=-1, keepdims=True)
    return corners.reshape(count, -1, 4), scores.reshape(count, -1, scores.shape[-1])


def _detectnet(outputs: np.ndarray, decoding: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray]:
    """Corners (N, P, 4) and scores (N, P, C): log-odds of coverage, then distances from the cell's center, in cells."""
    classes = int(decoding["classes"])
    count, _, height, width = outputs.shape
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    centers = np.stack([columns, rows, columns, rows], axis=0).astype(np.float32) + np.float32(0.5)
    corners = (outputs[:, classes:] + centers).reshape(count, 4, -1).transpose(0, 2, 1)
    scores = _sigmoid(outputs[:, :classes]).reshape(count, classes, -1).transpose(0, 2, 1)
    return corners / np.array([width, height] * 2, np.float32), scores


def _suppressed(corners: np.ndarray, scores: np.ndarray, decoding: Dict[str, Any]) -> np.ndarray:
    """(K, 6) after non-maximum suppression: of overlapping boxes of one class, the one with the highest score."""
    flat = scores.reshape(-1)
    order = np.argsort(-flat, kind="mergesort")[: decoding["candidates"]]
    order = order[flat[order] >= decoding["min_score"]]
    boxes = np.clip(corners[order // scores.shape[1]], 0, 1)
    sound = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # distances to sides may contradict each other
    boxes, order = boxes[sound], order[sound]
    kinds = order % scores.shape[1]
    alive, kept = np.ones(len(order), bool), []  # type: np.ndarray, List[int]
    for row in range(len(order)):
        if not alive[row]:
            continue
        kept.append(row)
        if len(kept) == decoding["most"]:
            break
        alive &= ~((overlaps(boxes[row], boxes) > decoding["max_iou"]) & (kinds == kinds[row]))
    chosen = np.array(kept, np.int64)
    suppressed = np.concatenate([kinds[chosen, None], flat[order][chosen, None], boxes[chosen]], axis=1)
    return suppressed.astype(np.float32)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))


HEADS = {"yolov2": _yolov2, "detectnet": _detectnet}
