"""A meter whose sensor a sampler reads all the time; energy is the integral of the samples."""

import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from edgesynth.benchmark.power.integral import Point, counted, sampled, ticks_of
from edgesynth.benchmark.power.meter import Meter, Reading, Sample, UnreadableError
from edgesynth.benchmark.power.sampler import Sampler, spare_core

LEAST_SAMPLES = 10
# The first and the last of a window's samples stand for a part of their time only.
EDGES = 2


class Sampled(Meter):
    """Energy from samples of one sensor.

    Args:
        rails: names, in the order of the sampler's values.
        total_rails: those whose sum is the headline.
        gpu_rail: that of the GPU, or None.
        module: see `Sampler`.
        source: see `Sampler`.
        period_s: from one value of the sensor to its next, as the driver tells it.
        poll_s: from one sample to the next, on average; a sensor that averages is looked at several times in a period.
        counts: whether the values are energy counters in mJ; else they are powers in mW.
    """

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(
        self,
        rails: Sequence[str],
        total_rails: Sequence[str],
        gpu_rail: Optional[str],
        module: str,
        source: Dict[str, Any],
        period_s: float,
        poll_s: float,
        counts: bool = False,
    ) -> None:
        self.rails, self.total_rails, self.gpu_rail = rails, total_rails, gpu_rail
        self.module, self.source = module, source
        self.period_s, self.poll_s, self.counts = period_s, poll_s, counts
        self.least_window_s = (LEAST_SAMPLES + EDGES) * max(period_s, poll_s)
        # A value is the mean of one period and is shown for the next one: only after two it knows nothing of before.
        self.settle_s = 2 * period_s
        self.pause_s = max(period_s, poll_s)
        self.core: Optional[int] = None
        self._sampler: Optional[Sampler] = None
        self._lost: Optional[str] = None
        self._begin_s = 0.0

    def open(self, busy_cores: int = 1) -> None:
        """Start the sampler, on a spare core where there is one."""
        self.core, self._lost = spare_core(busy_cores), None
        self._sampler = self._started()

    def close(self) -> None:
        """End the sampler."""
        if self._sampler is not None:
            self._sampler.close()
            self._sampler = None

    def start(self) -> None:
        """Begin a window."""
        if self._sampler is None:
            raise RuntimeError("start() before open()")
        self._begin_s = self.clock()

    def stop(self) -> Reading:
        """End the window.

        Returns:
            Energy of each rail over it, or why there is none.
        """
        end_s = self.clock()
        begin_s, duration_s = self._begin_s, end_s - self._begin_s
        if self._sampler is None:
            raise RuntimeError("stop() before open()")
        if self._lost is None:
            try:
                batch = self._sampler.collect()
            except UnreadableError as why:
                self._lost = str(why)
        if self._lost is not None:
            return Reading({}, duration_s, begin_s, reason=self._lost)
        # One sample before the window, so that a counter's first step is seen.
        early = sum(sample[0] <= begin_s for sample in batch.samples)
        samples = batch.samples[max(early - 1, 0) :]
        relative = tuple((round(sample[0] - begin_s, 6),) + tuple(sample[1:]) for sample in samples)
        return self._reading(relative, duration_s, begin_s, batch.misses, batch.last_miss)

    def describe(self) -> Dict[str, Any]:
        """The sensor, as the result records it."""
        more = {"poll_s": self.poll_s, "sampler_core": self.core, "unit": "mJ" if self.counts else "mW"}
        return dict(super().describe(), **more)

    def _started(self) -> Sampler:
        return Sampler(self.module, self.source, self.poll_s, self.core)

    def _reading(
        self, samples: Sequence[Sample], duration_s: float, begin_s: float, misses: int, last_miss: Optional[str]
    ) -> Reading:
        by_rail: List[List[Point]] = [
            [(sample[0], sample[1 + rail]) for sample in samples] for rail in range(len(self.rails))
        ]
        steps = [ticks_of(points, 0.0, duration_s) for points in by_rail] if self.counts else []
        inside = [sample[0] for sample in samples if 0 <= sample[0] <= duration_s]
        if self.counts:
            values = min(len(each) for each in steps)
        else:
            values = min(len(inside), int(duration_s / max(self.period_s or 0.0, self.poll_s)))
        edges = [0.0] + inside + [duration_s]
        gap_s = max(b - a for a, b in zip(edges, edges[1:]))
        why, needed_s = None, None
        if values < LEAST_SAMPLES:
            why = "{} gave {} values in a window of {:.2f} s and at least {} are needed".format(
                self.name, values, duration_s, LEAST_SAMPLES
            )
            needed_s = duration_s * (LEAST_SAMPLES + EDGES) / values if values else None
        elif gap_s > max(duration_s / 4, 3 * self.poll_s):
            why = "{} was not read for {:.2f} s of a window of {:.2f} s".format(self.name, gap_s, duration_s)
        rails_mj: Dict[str, float] = {}
        if why is None and self.counts:
            rails_mj = {rail: counted(each, 0.0, duration_s) for rail, each in zip(self.rails, steps)}
        elif why is None:
            rails_mj = {rail: sampled(points, 0.0, duration_s) for rail, points in zip(self.rails, by_rail)}
        elif last_miss is not None:
            why += " ({})".format(last_miss)
        return Reading(rails_mj, duration_s, begin_s, tuple(samples), values, misses, why, needed_s)
