"""A histogram of magnitudes whose range grows with the data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edgesynth.quantization.sampling import stride_of

BINS = 2048
MOST_VALUES = 1 << 18  # of one tensor and batch that are counted; the extremes are those of all values


class Histogram:
    """Magnitudes of one activation tensor over all calibration images.

    The bins are of equal width from 0 to `top`. Where a value lies beyond, neighbors are merged until it fits, so that
    one pass over the images is enough.

    Attributes:
        low: smallest value seen.
        high: largest value seen.
        top: upper edge of the last bin; 0 before anything but zero was seen.
        counts: (`BINS`,) float64.
    """

    def __init__(self) -> None:
        self.low, self.high, self.top = math.inf, -math.inf, 0.0
        self.counts = torch.zeros(BINS, dtype=torch.float64)

    @property
    def amax(self) -> float:
        """Largest magnitude seen."""
        return max(abs(self.low), abs(self.high))

    def add(self, values: Tensor) -> None:
        """Count a tensor of any shape; of more than `MOST_VALUES` values, evenly spaced ones; see `stride_of`.

        Where a value is not finite, the extremes say so and nothing is counted.
        """
        low, high = (bound.item() for bound in values.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            self.low, self.high = -math.inf, math.inf
            return
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._widen(max(abs(low), abs(high)))
        flat = values.reshape(-1)
        sample = flat[:: stride_of(len(flat), MOST_VALUES)].abs()
        if self.top:
            self.counts += torch.histc(sample, BINS, 0.0, self.top).double()
        else:
            self.counts[0] += len(sample)

    def _widen(self, largest: float) -> None:
        if not self.top:
            self.top = largest
        while self.top < largest:
            merged = self.counts.reshape(-1, 2).sum(dim=1)
            self.counts = torch.cat([merged, torch.zeros_like(merged)])
            self.top *= 2
