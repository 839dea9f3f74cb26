"""Splits of pairs that come in one folder."""

from __future__ import annotations

from pathlib import Path

import torch

from edgesynth.errors import UserError
from edgesynth.tasks.pairs.files import Pair

VALIDATION, TEST = 0.1, 0.2  # of one folder, or of train where no val is beside it


def shuffled(folder: Path, pairs: list[Pair], *shares: float) -> list[list[Pair]]:
    """What is left, then each share, in a shuffle that is always the same.

    Raises:
        UserError: there are too few for that.
    """
    counts = [max(1, round(share * len(pairs))) for share in shares]
    if sum(counts) >= len(pairs):
        raise UserError(f"{folder} has {len(pairs)} pairs of image and mask, too few to be split; give at least 4")
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    left = len(pairs) - sum(counts)
    return [[pairs[place] for place in sorted(part)] for part in _cut(order, [left, *counts])]


def _cut(order: list[int], counts: list[int]) -> list[list[int]]:
    ends = torch.tensor(counts).cumsum(0).tolist()
    return [order[end - count : end] for end, count in zip(ends, counts, strict=True)]
