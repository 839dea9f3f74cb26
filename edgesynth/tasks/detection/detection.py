"""The detection task: boxes and their classes, predicted by a grid of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.metrics.average_precision import mean_average_precision
from edgesynth.tasks.detection.heads.coverage import CoverageHead
from edgesynth.tasks.detection.heads.head import Head
from edgesynth.tasks.detection.heads.suppression import Limits, suppressed
from edgesynth.tasks.detection.heads.yolo import YoloHead
from edgesynth.tasks.images.stored import form
from edgesynth.tasks.task import Task
from edgesynth.tasks.task.as_numpy import as_numpy

NO_BOX = (-1.0, 0.0, 0.0, 0.0, 0.0)
LEAST_LEFT = 0.25  # of a box that augmentation moves out of the image; with less it is not looked for
STRIDE = 32  # of the grid that most detectors end with
OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
CHUNK = 64


@dataclass(frozen=True)
class Detection(Task):
    """Labels are (N, M, 5) float32, rows of class, left, top, right, bottom, the corners in shares of the image.

    Rows of class -1 are no box. A network gives one map, of YOLOv2's form or of DetectNet's (see `heads`), over any
    grid of cells.

    Attributes:
        anchors: (width, height) in shares of the image, for YOLOv2's form.
    """

    anchors: Sequence[tuple[float, float]] = ()

    metric_name = "mAP@0.5"
    teaching = "numbers"
    decoding = {"form": "boxes"}  # noqa: RUF012  (never changed)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss of the head that the outputs belong to."""
        return self.head(outputs.shape[1]).loss(outputs, labels)

    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """Mean average precision at an IoU of 0.5 after suppression, percent."""
        return mean_average_precision(self._rows(outputs), as_numpy(labels))

    def extra_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        """COCO's mean over IoU of 0.5 to 0.95, 0 to 1."""
        score = mean_average_precision(self._rows(outputs), as_numpy(labels), OVERLAPS)
        return {"mAP@0.5:0.95": score / 100}

    def detected(self, outputs: Tensor) -> list[Tensor]:
        """For each image (K, 6) rows of class, score, left, top, right, bottom, the surest first.

        Outputs are grids (N, channels, h, w), or the rows that a file made of them (N, R, 6), some of class -1.
        """
        if outputs.ndim == 3:
            return [rows[rows[:, 0] >= 0] for rows in outputs]
        head = self.head(outputs.shape[1])
        return [rows for chunk in outputs.float().split(CHUNK) for rows in suppressed(head.candidates(chunk))]

    def _rows(self, outputs: Tensor) -> list[np.ndarray]:
        return [as_numpy(rows) for rows in self.detected(outputs)]

    @property
    def heads(self) -> tuple[Head, Head]:
        """Both heads that a network of this task may have."""
        count = len(self.labels)
        return YoloHead(count, self.anchors), CoverageHead(count, self.anchors)

    def head(self, channels: int) -> Head:
        """The head with so many channels.

        Raises:
            UserError: there is none.
        """
        for head in self.heads:
            if head.channels == channels:
                return head
        known = " or ".join(f"{head.channels} ({type(head).__name__})" for head in self.heads)
        raise UserError(f"outputs of {channels} channels are no boxes of {len(self.labels)} classes; give {known}")

    def decoding_of(self, shape: Sequence[int]) -> dict[str, Any]:
        """Head, anchors, classes and limits of suppression, for answers of this shape."""
        steps = {"classes": len(self.labels), **Limits()._asdict()}
        return {**self.decoding, **self.head(shape[0]).to_json(), **steps}

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """(A (5 + C), H / 32, W / 32): YOLOv2's."""
        _, height, width = self.input_shape
        return (self.heads[0].channels, max(1, height // STRIDE), max(1, width // STRIDE))

    def fits(self, shape: Sequence[int]) -> bool:
        """Any grid of either head."""
        return len(shape) == 3 and shape[0] in [head.channels for head in self.heads]

    def augment_labels(self, labels: Tensor, variants: Tensor) -> Tensor:
        """Move boxes with their images. A box that leaves the image is cut; if too little is left, it is dropped."""
        windows, mirrored = (values.to(labels.device)[:, None] for values in self.windows(variants))
        begin, size = windows[..., :2].repeat(1, 1, 2), windows[..., 2:].repeat(1, 1, 2)
        corners = ((labels[..., 1:] - begin) / size).to(labels.dtype)
        turned = corners[..., [2, 1, 0, 3]] * labels.new_tensor([-1, 1, -1, 1]) + labels.new_tensor([1, 0, 1, 0])
        corners = torch.where(mirrored[..., None], turned, corners)
        inner = corners.clamp(0, 1)
        there = (labels[..., :1] >= 0) & (_area(inner) > LEAST_LEFT * _area(corners))
        return torch.where(there, torch.cat([labels[..., :1], inner], dim=-1), labels.new_tensor(NO_BOX))

    def check_labels(self, labels: Tensor) -> str:
        """Labels are (N, M, 5) of float32; classes are numbers of `labels`, or -1; corners lie within the image."""
        if labels.ndim != 3 or labels.shape[2] != 5 or labels.dtype != torch.float32:
            return f"are {form(labels)}; they must be (N, M, 5) of float32: class, left, top, right, bottom"
        boxes = labels[labels[..., 0] >= 0]
        if len(boxes) and boxes[:, 0].max() >= len(self.labels):
            return f"run up to class {boxes[:, 0].max():g} and {len(self.labels)} classes are named"
        sound = (boxes[:, 1:3] < boxes[:, 3:]).all() and (boxes[:, 1:] >= 0).all() and (boxes[:, 1:] <= 1 + 1e-5).all()
        return "" if bool(sound) else "hold boxes without area or outside 0 to 1, the shares of the image"

    def perfect_outputs(self, labels: Tensor) -> Tensor:
        """Outputs of YOLOv2's form that are sure of every box."""
        return self.heads[0].perfect_outputs(labels, *self.answer_shape[1:])


def _area(corners: Tensor) -> Tensor:
    """(..., 1)."""
    return (corners[..., 2:] - corners[..., :2]).prod(dim=-1, keepdim=True)
