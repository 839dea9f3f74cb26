"""In which blocks an engine computes channels, learned from the times of neighboring widths.

A width is in one of four zones: below or from the first block on, and even, a multiple of some number that an engine
asks for, or odd. In each zone time is a plane over the *effective* width: the width rounded up to whole blocks, the
width itself, or something between the two where one part of the work goes by blocks and the other by channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

BLOCKS = (1, 2, 4, 8, 16, 32, 64)
_SHARES = tuple(tenths / 10 for tenths in range(11))
# An explanation by blocks must leave at most this share of the error that a simpler one leaves, where times as they are
# measured have an error of their own.
_BETTER, _NOISE = 0.8, 0.02
_FEWEST = 8
_LEAST_MS = 1e-4  # what is less cannot be told from nothing


class Blocks(NamedTuple):
    """How time goes with a width in one direction.

    Attributes:
        block: channels that are computed together.
        multiple: of which a width is even.
        even_share: how much of the time of even widths goes by blocks: 1 is all, 0 all by channels.
        odd_share: the same of the others.
    """

    block: int = 1
    multiple: int = 1
    even_share: float = 0.0
    odd_share: float = 0.0

    def zone(self, widths: np.ndarray) -> np.ndarray:
        """Zone of each width: 0 and 1 even, 2 and 3 odd; 0 and 2 below the first block."""
        return 2 * (widths % self.multiple != 0) + (widths >= self.block)

    def effective(self, widths: np.ndarray) -> np.ndarray:
        """Effective width of each; below the first block, itself."""
        share = np.where(widths % self.multiple == 0, self.even_share, self.odd_share)
        whole = -(-widths // self.block) * self.block
        return np.where(widths < self.block, widths, share * whole + (1 - share) * widths)


def learned(times: Mapping[int, float]) -> Blocks:
    """The blocks that explain the times of a row of widths.

    Args:
        times: ms of each width; with fewer than 8 widths nothing is learned, and time goes by channels.
    """
    if len(times) < _FEWEST:
        return Blocks()
    widths = np.array(sorted(times))
    values = np.array([times[width] for width in widths.tolist()])
    best, least = Blocks(), _unexplained(Blocks(), widths, values)
    for block in BLOCKS:
        for multiple in (divisor for divisor in BLOCKS if divisor <= block):
            blocks = _with_shares(block, multiple, widths, values)
            left = _unexplained(blocks, widths, values)
            if left < _BETTER * least:
                best, least = blocks, left
    return best


def _with_shares(block: int, multiple: int, widths: np.ndarray, values: np.ndarray) -> Blocks:
    blocks = Blocks(block, multiple)
    if block == 1:
        return blocks

    def best(candidates: list[Blocks]) -> Blocks:
        return min(candidates, key=lambda candidate: _unexplained(candidate, widths, values))

    blocks = best([blocks._replace(even_share=share) for share in _SHARES])
    return best([blocks._replace(odd_share=share) for share in _SHARES])


def _unexplained(blocks: Blocks, widths: np.ndarray, values: np.ndarray) -> float:
    """Sum of squared relative errors of a line in each zone over the effective width, and of the noise."""
    zones, effective = blocks.zone(widths), blocks.effective(widths)
    left = len(widths) * _NOISE**2
    for zone in np.unique(zones):
        place, time = effective[zones == zone], values[zones == zone]
        design = np.stack([np.ones_like(place, dtype=float), place], axis=1)
        weights = 1 / np.maximum(time, _LEAST_MS)
        line = np.linalg.lstsq(design * weights[:, None], time * weights, rcond=None)[0]
        left += float(np.sum(((design @ line - time) * weights) ** 2))
    return left
