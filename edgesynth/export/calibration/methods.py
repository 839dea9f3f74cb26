"""Methods: from a histogram of magnitudes to the range that INT8 shall span.

ONNX Runtime has these methods too. Its entropy is run by `quantize_static` with as many bins as quantized bins, so that
it returns what min-max returns, and its percentiles keep every value of every tensor in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from edgesynth.export.calibration.histogram import BINS, Histogram

Bounds = dict[str, tuple[float, float]]  # {tensor: (low, high)}, low at most 0, high at least 0, not both 0

UNSEEN = 1.0  # amax of a tensor that was zero on every image: any scale holds that zero, and a scale must not be 0
LEVELS = 128  # magnitudes that symmetric INT8 tells apart
STRIDE = 16  # bins between two clippings that entropy compares
STOPS = torch.arange(LEVELS, BINS + 1, STRIDE)  # how many bins each of these clippings keeps
FIRST_BINS = (torch.arange(LEVELS + 1) * STOPS[:, None] + LEVELS - 1) // LEVELS  # of each level, and where it ends
LEAST = 1e-12  # what Q has in a bin that only P fills
ROUNDING = 1e-9  # more than sums of 2048 terms lose


def minmax(seen: Histogram) -> float:
    """The largest magnitude: nothing is clipped."""
    return seen.amax


def percentile(share: float, seen: Histogram) -> float:
    """The magnitude below which a share of all values lies, in percent, to the upper edge of its bin."""
    below = seen.counts.cumsum(0) / seen.counts.sum()
    last = int((below < share / 100).sum())
    return min(seen.amax, seen.top * (last + 1) / BINS)


def entropy(seen: Histogram) -> float:
    """The clipping with the least Kullback-Leibler divergence between the clipped and the quantized distribution.

    After Migacz, 8-bit inference with TensorRT (GTC 2017). Zeros are left out, as INT8 holds them exactly: the first
    bin counts as much as the second.
    """
    counts = seen.counts.clone()
    counts[0] = counts[1]
    if counts.sum() == 0:
        return seen.amax
    nearly = _divergences(counts)
    # Sums differ in their rounding by the way in which they are added up: among equals, those of one clipping decide.
    close = STOPS[nearly <= nearly.min() + ROUNDING]
    best = min(close.tolist(), key=lambda stop: _divergence(counts, stop))
    return min(seen.amax, seen.top * best / BINS)


# The first is the plainest: it wins a tie.
METHODS: dict[str, Callable[[Histogram], float]] = {
    "minmax": minmax,
    "percentile-99.999": partial(percentile, 99.999),
    "percentile-99.99": partial(percentile, 99.99),
    "entropy": entropy,
}


def bounds_of(observed: Mapping[str, Histogram], method: str) -> Bounds:
    """The range of every tensor by a method.

    Args:
        observed: {tensor: what was seen of it}.
        method: a key of `METHODS`.
    """
    bounds = {}
    for name, seen in observed.items():
        most = METHODS[method](seen)
        bounds[name] = (max(min(seen.low, 0.0), -most), min(max(seen.high, 0.0), most)) if most else (0.0, UNSEEN)
    return bounds


def _divergences(counts: Tensor) -> Tensor:
    """`_divergence` of all `STOPS` but for rounding, in a hundredth of the time: (stops,).

    Q is the same in all bins of a level, so sums over levels are enough.
    """
    total, inside = counts.sum(), counts.cumsum(0)[STOPS - 1]
    beyond = total - inside
    sums, sizes = _of_levels(counts), _of_levels((counts > 0).double())
    q = (sums / sizes.clamp_min(1) / inside[:, None]).clamp_min(LEAST)
    p, last = counts / total, counts[STOPS - 1]
    of_p = p.xlogy(p).cumsum(0)[STOPS - 1] - (last / total).xlogy(last / total)
    of_p += ((last + beyond) / total).xlogy((last + beyond) / total)
    of_q = (sums / total).xlogy(q).sum(dim=1) + (beyond / total).xlogy(torch.where(last > 0, q[:, -1], LEAST))
    return torch.where(inside > 0, of_p - of_q, float("inf"))


def _of_levels(values: Tensor) -> Tensor:
    """Sums over the bins of each level, of each clipping: (stops, LEVELS)."""
    below = torch.cat([values.new_zeros(1), values.cumsum(0)])
    return below[FIRST_BINS].diff(dim=1)


def _divergence(counts: Tensor, stop: int) -> float:
    """KL(P || Q) of the first `stop` bins: P with all beyond in its last bin, Q without, in `LEVELS` levels."""
    inside = counts[:stop]
    reference = inside.clone()
    reference[-1] += counts[stop:].sum()
    level = torch.arange(stop) * LEVELS // stop
    filled = (inside > 0).double()
    sums = torch.zeros(LEVELS, dtype=torch.float64).index_add_(0, level, inside)
    sizes = torch.zeros(LEVELS, dtype=torch.float64).index_add_(0, level, filled)
    quantized = (sums / sizes.clamp_min(1))[level] * filled
    if quantized.sum() == 0:
        return float("inf")
    p, q = reference / reference.sum(), quantized / quantized.sum()
    # A bin that only P fills (the last one, of outliers) is charged as if Q had a little there.
    return torch.where(p > 0, p * (p / q.clamp_min(LEAST)).log(), 0.0).sum().item()
