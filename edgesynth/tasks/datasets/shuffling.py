"""Splits of the samples of one folder by a fixed shuffle."""

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


def stratified(folder: Path, samples: Sequence[tuple[str, int]], *shares: float) -> list[list[tuple[str, int]]]:
    """The same for samples (file, class), of each class its share; the first part has at least one of every class.

    What rounding takes from one class it gives to the next, so that the parts are of the sizes that were asked for.

    Raises:
        UserError: there are too few for that.
    """
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0)).tolist()
    owed = [(2 * part + 1) / (2 * len(shares)) for part in range(len(shares))]  # apart, so that tiny classes serve all
    parts: list[list[int]] = [[] for _ in range(1 + len(shares))]
    for label in sorted({label for _, label in samples}):
        places = [place for place in order if samples[place][1] == label]
        size = len(places)
        for part, share in enumerate(shares):
            owed[part] += max(share, 1 / len(samples)) * size
            count = min(int(owed[part]), len(places) - 1)
            owed[part] -= count
            parts[1 + part] += places[:count]
            places = places[count:]
        parts[0] += places
    if not all(parts):
        kinds = len({label for _, label in samples})
        raise UserError(
            f"{folder} has {len(samples)} images of {kinds} classes, too few to be split; give more of each"
        )
    return [[samples[place] for place in sorted(part)] for part in parts]
