"""Heads: how a detector's output tensor encodes boxes and classes. One file for each kind.

A head is told by the number of channels alone, which is never the same for both: with C classes and A anchors,
YOLOv2's has A (5 + C) and DetectNet's C + 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor


class Candidates(NamedTuple):
    """Boxes and scores of a head before suppression.

    Attributes:
        corners: (N, P, 4): left, top, right, bottom, in shares of the image.
        scores: (N, P, C): how sure it is of each class at each place, 0 to 1.
    """

    corners: Tensor
    scores: Tensor


@dataclass(frozen=True)
class Head(ABC):
    """A form of output.

    Attributes:
        classes: C.
        anchors: (width, height) in shares of the image; heads without anchors ignore them.
    """

    classes: int
    anchors: Sequence[tuple[float, float]]

    @property
    @abstractmethod
    def channels(self) -> int:
        """Of the output."""

    @abstractmethod
    def candidates(self, outputs: Tensor) -> Candidates:
        """Decode outputs (N, channels, h, w)."""

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """One number, the mean over images, of outputs against labels (N, M, 5)."""

    @abstractmethod
    def perfect_outputs(self, labels: Tensor, height: int, width: int) -> Tensor:
        """(N, channels, height, width) that encode every box; of two boxes in one cell only one."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """What a device needs to decode the output, besides the classes."""
