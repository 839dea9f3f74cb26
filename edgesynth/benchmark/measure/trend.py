"""Whether values that follow each other in time go up or down, beyond what their scatter explains."""

import math
from typing import NamedTuple, Sequence

from edgesynth.benchmark.measure.student import student

# Fewer leave nothing to judge the scatter by.
LEAST = 4


class Trend(NamedTuple):
    """A straight line through values.

    Attributes:
        change: over all the time that the values stand for, as a share of their mean.
        doubt: half of its interval, likewise.
    """

    change: float
    doubt: float

    def beyond(self, share: float) -> bool:
        """Whether the change is larger than a share of the mean, and than its own doubt."""
        return abs(self.change) > max(share, self.doubt)


def trend_of(values: Sequence[float], percent: int = 95) -> Trend:
    """The least-squares line through values at equal distances.

    Args:
        values: at least `LEAST`, of a mean above 0.
        percent: of the interval, 95 or 99.
    """
    count = len(values)
    mean, middle = math.fsum(values) / count, (count - 1) / 2
    spread = math.fsum((index - middle) ** 2 for index in range(count))
    slope = math.fsum((index - middle) * value for index, value in enumerate(values)) / spread
    rest = math.fsum((value - mean - slope * (index - middle)) ** 2 for index, value in enumerate(values))
    error = math.sqrt(rest / (count - 2) / spread)
    reach = count / mean
    return Trend(slope * reach, student(count - 2, percent) * error * reach)
