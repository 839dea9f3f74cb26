"""Splits of samples that come in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch

from edgesynth.errors import UserError

VALIDATION, TEST = 0.1, 0.2  # of one folder, or of train where no val is beside it
Sample = TypeVar("Sample")


def shuffled(
    folder: Path, samples: Sequence[Sample], *shares: float, what: str = "pairs of image and mask", why: str = ""
) -> list[list[Sample]]:
    """What is left, then each share, in a shuffle that is always the same.

    Args:
        folder: where they lie, for messages.
        samples: what is to be split.
        shares: of each further part, in (0, 1); a part has at least one sample.
        what: they are, for messages.
        why: they are so few, likewise.

    Raises:
        UserError: there are too few for that.
    """
    counts = [max(1, round(share * len(samples))) for share in shares]
    if sum(counts) >= len(samples):
        raise UserError(f"{folder} has {len(samples)} {what}, too few to be split; give at least 4{why}")
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
    parts = order.split([len(samples) - sum(counts), *counts])
    return [[samples[place] for place in sorted(part.tolist())] for part in parts]
