"""The blocks in which an engine computes channels, learned from the times of neighboring widths.

A width is in one of four zones: it is narrower than the first block or not, and it is even or odd. Even means a
multiple of some number that the engine asks for. In each zone time is a plane over the *effective* width. This is the
width rounded up to whole blocks, the width itself, or a mean of the two where a part of the work depends on the number
of blocks and the rest on the number of channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

BLOCKS = (1, 2, 4, 8, 16, 32, 64)
_SHARES = tuple(tenths / 10 for tenths in range(11))
# Blocks are taken only if they leave at most this share of the error that a simpler explanation leaves; measured times
# have a relative error of their own.
_BETTER, _NOISE = 0.8, 0.02
_FEWEST = 8
_LEAST_MS = 1e-4  # a shorter time cannot be told from zero


class Blocks(NamedTuple):
    """How time depends on the width in one direction.

    Attributes:
        block: channels that are computed together.
        multiple: a width is even if it is a multiple of this.
        even_share: share of the time of even widths that depends on the number of blocks, in [0, 1]; the rest depends
            on the number of channels.
        odd_share: the same for odd widths.
    """

    block: int = 1
    multiple: int = 1
    even_share: float = 0.0
    odd_share: float = 0.0

    def zone(self, widths: np.ndarray) -> np.ndarray:
        """Zone of each width: 0 and 1 even, 2 and 3 odd; 0 and 2 below the first block."""
        return 2 * (widths % self.multiple != 0) + (widths >= self.block)

    def effective(self, widths: np.ndarray) -> np.ndarray:
        """Effective width of each width; below the first block, the width itself."""
        share = np.where(widths % self.multiple == 0, self.even_share, self.odd_share)
        whole = -(-widths // self.block) * self.block
        return np.where(widths < self.block, widths, share * whole + (1 - share) * widths)


def learned(times: Mapping[int, float]) -> Blocks:
    """The blocks that explain the times of a row of widths.

    Args:
        times: {width: ms}. From fewer than 8 widths nothing is learned: time depends on the number of channels.
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
    """Sum of squared relative errors of the best line over the effective width in each zone, and of the noise."""
    zones, effective = blocks.zone(widths), blocks.effective(widths)
    left = len(widths) * _NOISE**2
    for zone in np.unique(zones):
        place, time = effective[zones == zone], values[zones == zone]
        design = np.stack([np.ones_like(place, dtype=float), place], axis=1)
        weights = 1 / np.maximum(time, _LEAST_MS)
        line = np.linalg.lstsq(design * weights[:, None], time * weights, rcond=None)[0]
        left += float(np.sum(((design @ line - time) * weights) ** 2))
    return left
