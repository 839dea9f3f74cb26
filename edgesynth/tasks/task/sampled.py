"""A fingerprint of a split: the same data have the same one, in any folder and with any image decoder."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from edgesynth.tasks.images.stored import Stored

COUNT = 16


def sample_of(images: Tensor | Stored, labels: Tensor | Stored) -> dict[str, Any]:
    """Facts of a few images of a split, evenly spread over it, and of its labels; JSON-able.

    Args:
        images: (N, C, H, W).
        labels: (N, ...).

    Returns:
        {"labels_sha256": of all labels in memory, or of those of the sample that lie on disk, and empty where they are
        no whole numbers, "means": of each image of the sample, as a network is given it}. Releases of a decoder differ
        in the last bits of a pixel, which a mean hardly shows.
    """
    places = torch.linspace(0, len(labels) - 1, min(COUNT, len(labels))).round().long()
    told = labels if isinstance(labels, Tensor) else labels[places]
    means = images[places].float().flatten(1).mean(dim=1)
    return {"labels_sha256": _digest(told), "means": [round(mean, 4) for mean in means.tolist()]}


def _digest(labels: Tensor) -> str:
    if labels.is_floating_point():
        return ""
    return hashlib.sha256(labels.long().contiguous().numpy().tobytes()).hexdigest()
