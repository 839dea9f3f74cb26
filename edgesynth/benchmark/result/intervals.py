"""Intervals of a ratio of two results: of medians by the raw latencies, of means by their intervals.

Latencies that follow each other are alike (the clock, the caches, other work), so they do not count as so many
independent ones. Each run is cut into blocks that follow each other in time, and the medians of the blocks are what
is spread (the method of batch means): drift within a run widens the interval as it should. What differs between two
runs of the same program is not in it: that takes more than one run of each.
"""

import math
from typing import List, Optional, Sequence, Tuple

from edgesynth.benchmark.timing.timing import percentile

# Student's t, two-sided 95 %, for one degree of freedom less than the blocks of one run: at least as wide as Welch's.
_T_OF_BLOCKS = {20: 2.093, 10: 2.262, 5: 2.776}


def ratio_interval(numerator_ms: Sequence[float], denominator_ms: Sequence[float]) -> Optional[Tuple[float, float]]:
    """95 % interval of the ratio of two medians, around the ratio itself.

    Args:
        numerator_ms: latencies of one run in ms, above 0, in the order of time.
        denominator_ms: those of the other.

    Returns:
        Lower and upper end; None where a run has fewer than 5 latencies.
    """
    count = min(len(numerator_ms), len(denominator_ms))
    blocks = next((blocks for blocks in _T_OF_BLOCKS if count >= blocks), None)
    if blocks is None:
        return None
    variance = sum(_variance(_log_medians(run, blocks)) / blocks for run in (numerator_ms, denominator_ms))
    reach = math.exp(_T_OF_BLOCKS[blocks] * math.sqrt(variance))
    ratio = median(numerator_ms) / median(denominator_ms)
    return ratio / reach, ratio * reach


def median_interval(latencies_ms: Sequence[float]) -> Optional[Tuple[float, float]]:
    """95 % interval of a median, around the median itself.

    Args:
        latencies_ms: of one run in ms, above 0, in the order of time.

    Returns:
        Lower and upper end; None with fewer than 5 latencies.
    """
    blocks = next((blocks for blocks in _T_OF_BLOCKS if len(latencies_ms) >= blocks), None)
    if blocks is None:
        return None
    reach = math.exp(_T_OF_BLOCKS[blocks] * math.sqrt(_variance(_log_medians(latencies_ms, blocks)) / blocks))
    middle = median(latencies_ms)
    return middle / reach, middle * reach


def interval_of_intervals(
    ratio: float, numerator: Sequence[float], denominator: Sequence[float]
) -> Tuple[float, float]:
    """95 % interval of a ratio of two independent figures that have intervals of their own.

    Args:
        ratio: of the figures.
        numerator: lower and upper end of the first one's 95 % interval, above 0.
        denominator: of the second one's.

    Returns:
        Lower and upper end: the relative widths of both, added as independent errors are.
    """
    reach = math.exp(math.hypot(*(math.log(high / low) / 2 for low, high in (numerator, denominator))))
    return ratio / reach, ratio * reach


def median(latencies_ms: Sequence[float]) -> float:
    """The median as the result file has it, by nearest rank."""
    return percentile(sorted(latencies_ms), 50)


def _log_medians(latencies_ms: Sequence[float], blocks: int) -> List[float]:
    count = len(latencies_ms)
    runs = [latencies_ms[count * block // blocks : count * (block + 1) // blocks] for block in range(blocks)]
    return [math.log(median(run)) for run in runs]


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
