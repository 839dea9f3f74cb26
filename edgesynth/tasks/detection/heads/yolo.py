"""YOLOv2's head and its loss (YOLO9000, arXiv 1612.08242, section 2; darknet's region layer for the weights).

For each anchor of a cell (x, y, w, h, objectness, one for each class): the center is where sigmoid(x, y) lies within
the cell, the size the anchor's times exp(w, h); objectness is a sigmoid, the classes a softmax.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.tasks.detection.heads.head import Candidates, Head
from edgesynth.tasks.detection.heads.overlap import overlap, shape_overlap

OBJECT, NO_OBJECT, COORDINATES, CLASS = 5.0, 1.0, 1.0, 1.0  # darknet's scales
NEAR = 0.6  # IoU with a true box from which a prediction is not told that it sees nothing
MOST_LOG = 8.0  # sizes beyond exp(8) anchors would overflow and mean nothing
CERTAIN = 10.0
EDGE = 1e-4


class YoloHead(Head):
    """(N, A (5 + C), h, w); see above."""

    @property
    def channels(self) -> int:
        """A (5 + C)."""
        return len(self.anchors) * (5 + self.classes)

    def candidates(self, outputs: Tensor) -> Candidates:
        """P = A h w, anchor by anchor, row by row."""
        cells = self._cells(outputs)
        scores = cells[..., 4:5].sigmoid() * cells[..., 5:].softmax(dim=-1)
        return Candidates(self._corners(cells).flatten(1, 3), scores.flatten(1, 3))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Squared errors of place, size and objectness, cross-entropy of the class, summed over an image."""
        cells = self._cells(outputs.float())
        image, box = (labels[..., 0] >= 0).nonzero(as_tuple=True)
        objectness = cells[..., 4].sigmoid()
        corners = self._corners(cells)
        with torch.no_grad():
            near = overlap(corners.flatten(1, 3), labels[..., 1:]) * (labels[..., :1] >= 0).transpose(1, 2)
            nothing = (near.amax(dim=2) < NEAR).float().reshape(objectness.shape)
        if not len(image):
            return NO_OBJECT * (nothing * objectness.square()).sum() / len(outputs)
        places, targets, shapes = self._targets(labels[image, box], *outputs.shape[2:])
        at = (image, *places)
        nothing[at] = 0
        told, mine = cells[at], labels[image, box]
        with torch.no_grad():
            iou = overlap(corners[at][:, None], mine[:, None, 1:])[:, 0, 0]
        weight = COORDINATES * (2 - shapes.prod(dim=1))[:, None]  # small boxes count more
        total = (weight * (told[:, :2].sigmoid() - targets[:, :2]).square()).sum()
        total = total + (weight * (told[:, 2:4] - targets[:, 2:]).square()).sum()
        total = total + OBJECT * (objectness[at] - iou).square().sum()
        total = total + NO_OBJECT * (nothing * objectness.square()).sum()
        total = total + CLASS * F.cross_entropy(told[:, 5:], mine[:, 0].long(), reduction="sum")
        return total / len(outputs)

    def perfect_outputs(self, labels: Tensor, height: int, width: int) -> Tensor:
        """Each box is encoded by the nearest anchor; a second box of the same cell and anchor is lost."""
        outputs = torch.zeros(len(labels), len(self.anchors), height, width, 5 + self.classes)
        outputs[..., 4] = -CERTAIN
        image, box = (labels[..., 0] >= 0).nonzero(as_tuple=True)
        if len(image):
            places, targets, _ = self._targets(labels[image, box], height, width)
            at = (image, *places)
            outputs[at] = torch.cat(
                [
                    targets[:, :2].clamp(EDGE, 1 - EDGE).logit(),
                    targets[:, 2:],
                    torch.full((len(image), 1), CERTAIN),
                    CERTAIN * F.one_hot(labels[image, box, 0].long(), self.classes),
                ],
                dim=1,
            )
        return outputs.permute(0, 1, 4, 2, 3).flatten(1, 2)

    def to_json(self) -> dict[str, Any]:
        """Name and anchors."""
        return {"head": "yolov2", "anchors": [list(anchor) for anchor in self.anchors]}

    def _cells(self, outputs: Tensor) -> Tensor:
        """(N, A, h, w, 5 + C)."""
        count, _, height, width = outputs.shape
        return outputs.reshape(count, len(self.anchors), 5 + self.classes, height, width).permute(0, 1, 3, 4, 2)

    def _corners(self, cells: Tensor) -> Tensor:
        """(N, A, h, w, 4)."""
        height, width = cells.shape[2:4]
        grid = cells.new_tensor([width, height])
        rows, columns = torch.meshgrid(
            torch.arange(height, device=cells.device), torch.arange(width, device=cells.device), indexing="ij"
        )
        centers = (cells[..., :2].sigmoid() + torch.stack([columns, rows], dim=-1)) / grid
        sizes = cells[..., 2:4].clamp(-MOST_LOG, MOST_LOG).exp() * self._anchors(cells)[:, None, None]
        return torch.cat([centers - sizes / 2, centers + sizes / 2], dim=-1)

    def _targets(self, mine: Tensor, height: int, width: int) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """Of boxes (B, 5): (anchor, row, column) of the cell that predicts each; its (B, 4) targets; (B, 2) sizes."""
        centers, shapes = (mine[:, 1:3] + mine[:, 3:]) / 2, (mine[:, 3:] - mine[:, 1:3]).clamp(min=EDGE)
        anchors = self._anchors(mine)
        chosen = shape_overlap(shapes, anchors).argmax(dim=1)
        scaled = centers * mine.new_tensor([width, height])
        column, row = scaled[:, 0].long().clamp(0, width - 1), scaled[:, 1].long().clamp(0, height - 1)
        within = scaled - torch.stack([column, row], dim=1)
        sizes = (shapes / anchors[chosen]).log().clamp(-MOST_LOG, MOST_LOG)
        return (chosen, row, column), torch.cat([within, sizes], dim=1), shapes

    def _anchors(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.anchors)
