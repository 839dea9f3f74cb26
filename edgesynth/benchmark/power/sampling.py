"""Samples at random moments, so that no load is in step with them.

Samples at a steady pace see a load of the same pace always in the same phase: they agree with each other and are all
wrong by as much, and an interval that is made of their spread does not hold the truth. Here time is divided into cells
of one pace, and each has its sample at a random place within it (stratified sampling): whatever the load's period, the
expected sample of a cell is the mean power of the cell.
"""

import math
import random
import time
from typing import Any, Callable, Dict, List

from edgesynth.benchmark.power.meter import UnreadableError


class Sampling:
    """One sample in each cell of time.

    Args:
        read: reads all rails once.
        poll_s: length of a cell, above 0.
        clock: monotonic, in s.
        draw: uniform in [0, 1): where in its cell a sample is.

    Attributes:
        due_s: when the next sample is to be taken.
    """

    def __init__(
        self,
        read: Callable[[], List[float]],
        poll_s: float,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._read, self._poll_s, self._clock, self._draw = read, poll_s, clock, draw
        self._samples: List[List[float]] = []
        self._misses: List[str] = []
        self._cell_s = clock()
        self._sample()
        self._choose()

    def take(self) -> None:
        """Take the sample that is due; one that cannot be read is a miss."""
        try:
            self._sample()
        except (OSError, ValueError, UnreadableError) as error:
            self._misses.append(str(error))
        # Cells that went by while the sensor was read, or this process waited for a core, have none.
        self._cell_s += self._poll_s * max(1, math.floor((self._clock() - self._cell_s) / self._poll_s))
        self._choose()

    def hand_over(self) -> Dict[str, Any]:
        """All samples since the last call, as `sampler.Batch` has them.

        None is taken for this: whoever asks has just finished a piece of work, and the sample would be in step with it.
        """
        batch = {
            "samples": self._samples,
            "misses": len(self._misses),
            "last_miss": self._misses[-1] if self._misses else None,
        }
        self._samples, self._misses = [], []
        return batch

    def _choose(self) -> None:
        self.due_s = self._cell_s + self._poll_s * self._draw()

    def _sample(self) -> None:
        begin_s = self._clock()
        values = self._read()
        self._samples.append([(begin_s + self._clock()) / 2] + values)
