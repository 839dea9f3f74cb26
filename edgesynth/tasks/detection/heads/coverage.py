"""DetectNet's head and its loss (NVIDIA DIGITS' DetectNet: coverage L2, boxes L1).

For each cell: log-odds of its being covered by an object of each class, then left, top, right and bottom of that
object's box as distances from the cell's center, in cells. Covered are cells whose center lies in the middle of a box,
and in any case the one that holds its center; where boxes lie on each other, the smallest counts.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.tasks.detection.heads.head import Candidates, Head

MIDDLE = 0.5  # share of a box's width and height that is covered
BOXES = 2.0  # weight of the boxes' loss, DIGITS'
CERTAIN = 10.0


class CoverageHead(Head):
    """(N, C + 4, h, w); see above."""

    @property
    def channels(self) -> int:
        """C + 4."""
        return self.classes + 4

    def candidates(self, outputs: Tensor) -> Candidates:
        """P = h w, row by row."""
        height, width = outputs.shape[2:]
        distances = outputs[:, self.classes :].flatten(2).transpose(1, 2)
        corners = (distances + _centers(outputs)) / outputs.new_tensor([width, height] * 2)
        return Candidates(corners, outputs[:, : self.classes].sigmoid().flatten(2).transpose(1, 2))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Half the squared error of the coverage, summed over an image; the boxes' mean distance over covered cells."""
        outputs = outputs.float()
        covered, distances, any_covered = self._targets(labels, *outputs.shape[2:])
        coverage = (outputs[:, : self.classes].sigmoid() - covered).square().sum() / 2
        far = (outputs[:, self.classes :] - distances).abs().sum(dim=1) * any_covered
        boxes = far.sum(dim=(1, 2)) / any_covered.sum(dim=(1, 2)).clamp(min=1)
        return (coverage + BOXES * boxes.sum()) / len(outputs)

    def perfect_outputs(self, labels: Tensor, height: int, width: int) -> Tensor:
        """Each box is encoded by the cells that it covers."""
        covered, distances, _ = self._targets(labels, height, width)
        return torch.cat([(2 * covered - 1) * CERTAIN, distances], dim=1)

    def to_json(self) -> dict[str, Any]:
        """Its name."""
        return {"head": "detectnet"}

    def _targets(self, labels: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """(N, C, h, w) 1 where covered; (N, 4, h, w) distances; (N, h, w) 1 where covered by anything."""
        boxes = labels[..., 1:] * labels.new_tensor([width, height] * 2)  # in cells
        center, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
        cells = _centers(labels, height, width)[:, :2]
        apart = (cells - center[:, :, None]).abs()  # (N, M, h w, 2)
        home = center.floor().clamp(min=0).minimum(labels.new_tensor([width - 1, height - 1]))
        inside = (apart <= MIDDLE * half[:, :, None]).all(-1) | (cells - 0.5 == home[:, :, None]).all(-1)
        inside &= labels[..., :1] >= 0
        area = torch.where(inside, half.prod(dim=-1)[..., None], torch.inf)
        smallest = area.argmin(dim=1)  # (N, h w)
        mine = boxes.gather(1, smallest[..., None].expand(-1, -1, 4))
        kinds = F.one_hot(labels[..., 0].clamp(min=0).long(), self.classes).to(labels.dtype)
        # A product of matrices counts the boxes of each class over a cell, without a row for each box and class.
        covered = (inside.transpose(1, 2).to(labels.dtype) @ kinds > 0).to(labels.dtype)  # (N, h w, C)
        any_covered = inside.any(dim=1).to(labels.dtype)
        distances = (mine - _centers(labels, height, width)) * any_covered[..., None]
        return (
            covered.transpose(1, 2).unflatten(2, (height, width)),
            distances.transpose(1, 2).unflatten(2, (height, width)),
            any_covered.unflatten(1, (height, width)),
        )


def _centers(like: Tensor, height: int | None = None, width: int | None = None) -> Tensor:
    """(h w, 4): x, y, x, y of each cell's center, in cells."""
    height, width = height or like.shape[2], width or like.shape[3]
    rows, columns = torch.meshgrid(
        torch.arange(height, device=like.device), torch.arange(width, device=like.device), indexing="ij"
    )
    return (torch.stack([columns, rows, columns, rows], dim=-1).flatten(0, 1) + 0.5).to(like.dtype)
