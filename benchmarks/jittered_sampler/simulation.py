"""A board whose clock and load are made up; what samples it and what computes the interval are the product's own.

Real: `Sampling` (the moments of the samples), `Sampled` (energy of a window), `Track.window` (pause, settling and timed
calls), `plan_energy` (length and number of windows) and `energy_of` (the interval). Simulated: the clock, a network
whose calls have one power at first and another one after, and the registers of the sensor.
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edgesynth.benchmark.measure.energy import energy_of, plan_energy
from edgesynth.benchmark.power import Ina3221
from edgesynth.benchmark.power.ina3221 import Rail
from edgesynth.benchmark.power.sampler import Batch
from edgesynth.benchmark.power.sampling import Sampling
from edgesynth.benchmark.timing.timing import Track
from edgesynth.boards.table import find_board

BUSY_MW, WAITING_MW, RESTING_MW = 10_000.0, 3_000.0, 2_000.0
BUSY_SHARE = 0.4  # of a call
READ_S = 0.001  # one conversion and the bus


@dataclass
class Board:
    """The clock, and the power of whatever ran.

    Args:
        period_s: length of a call.
        noise: standard deviation of a call's length, as a share of it.
        draw: where the chance comes from.
    """

    period_s: float
    noise: float
    draw: random.Random
    now_s: float = 0.0
    starts_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)

    def clock(self) -> float:
        """Time now."""
        return self.now_s

    def rest(self, duration_s: float) -> None:
        """Nothing runs."""
        self.now_s += duration_s

    def call(self) -> None:
        """One inference."""
        self.starts_s.append(self.now_s)
        self.now_s += self.period_s * max(0.5, self.draw.gauss(1.0, self.noise) if self.noise else 1.0)
        self.ends_s.append(self.now_s)

    def power_mw(self, moment_s: float) -> float:
        """Power at a moment that is past."""
        index = bisect.bisect_right(self.starts_s, moment_s) - 1
        if index < 0 or moment_s >= self.ends_s[index]:
            return RESTING_MW
        begin_s, end_s = self.starts_s[index], self.ends_s[index]
        return BUSY_MW if moment_s - begin_s < BUSY_SHARE * (end_s - begin_s) else WAITING_MW

    def forget(self, before_s: float) -> None:
        """Drop what no sensor can see any more."""
        index = bisect.bisect_left(self.ends_s, before_s)
        del self.starts_s[:index], self.ends_s[:index]


MEAN_MW = BUSY_SHARE * BUSY_MW + (1 - BUSY_SHARE) * WAITING_MW  # of a call, whatever its length


class SimulatedSampler:
    """The sampler's process: its time is its own, and never ahead of the board's.

    Args:
        board: what is sampled.
        register_mw: what the sensor shows at a moment.
        poll_s: see `Sampling`.
        draw: likewise.
    """

    def __init__(
        self, board: Board, register_mw: Callable[[float], float], poll_s: float, draw: Callable[[], float]
    ) -> None:
        self._board, self._register_mw = board, register_mw
        self._at_s = board.now_s
        self._sampling = Sampling(self._read, poll_s, lambda: self._at_s, draw)

    def collect(self) -> Batch:
        """What it has sampled until the board's time."""
        while self._sampling.due_s + READ_S <= self._board.now_s:
            self._at_s = max(self._at_s, self._sampling.due_s)
            self._sampling.take()
        batch = self._sampling.hand_over()
        self._board.forget(self._at_s - 2.0)
        return Batch(tuple(map(tuple, batch["samples"])), batch["misses"], batch["last_miss"])

    def close(self) -> None:
        """There is no process."""

    def _read(self) -> list[float]:
        power_mw = self._register_mw(self._at_s + READ_S / 2)
        self._at_s += READ_S
        return [power_mw]


class SimulatedIna3221(Ina3221):
    """The product's meter, whose sampler looks at the simulated board.

    Args:
        board: what is measured.
        period_s: from one value of the sensor to the next.
        draw: where in its cell a sample is.
        register_mw: what the sensor shows at a moment; None for the power at that moment.
    """

    def __init__(
        self,
        board: Board,
        period_s: float,
        draw: Callable[[], float],
        register_mw: Callable[[float], float] | None = None,
    ) -> None:
        super().__init__(find_board("orin-nano"), {"VDD_IN": Rail("VDD_IN", (), "")}, None, 0, period_s)
        self._board, self._draw = board, draw
        self._register_mw = register_mw or board.power_mw
        self.clock = board.clock

    def _started(self) -> SimulatedSampler:
        return SimulatedSampler(self._board, self._register_mw, self.poll_s, self._draw)


def converter(board: Board, phase_s: float, averages: int) -> Callable[[float], float]:
    """The INA3221's registers in continuous mode: means of conversions at a pace of its own.

    Three channels take turns, each with its current and its voltage: one channel's current is looked at for a sixth of
    the time, at a fixed pace. A register shows the mean of one period throughout the next.

    Args:
        board: what is measured.
        phase_s: when its first period began.
        averages: conversions that a value is the mean of.
    """
    turn_s = 6 * 1.1e-3
    period_s = averages * turn_s
    known: dict[int, float] = {}

    def register_mw(moment_s: float) -> float:
        period = math.floor((moment_s - phase_s) / period_s) - 1
        if period not in known:
            begin_s = phase_s + period * period_s
            looks = [board.power_mw(begin_s + turn * turn_s + 0.55e-3) for turn in range(averages)]
            known.clear()
            known[period] = sum(looks) / averages
        return known[period]

    return register_mw


def truth_is_inside(
    seed: int,
    call_s: float,
    poll_s: float,
    noise: float = 0.0,
    averages: int | None = None,
    steady: bool = False,
) -> tuple[bool, float]:
    """One measurement of the shortest duration that the product measures energy in.

    Args:
        seed: of everything that is random.
        call_s: length of a call.
        poll_s: the sensor's pace; its converter's follows from `averages` where that is given.
        noise: see `Board`.
        averages: conversions in a value of the sensor; None for a sensor that shows the power of the moment.
        steady: whether samples are at a steady pace and no window pauses, as before.

    Returns:
        Whether the truth is within the 95 % interval, and half the interval's width as a share of the truth.
    """
    draw = random.Random(seed)
    board = Board(call_s, noise, draw)
    board.rest(draw.random())
    period_s = poll_s if averages is None else averages * 6.6e-3
    register_mw = None if averages is None else converter(board, board.now_s - draw.random(), averages)
    meter = SimulatedIna3221(board, period_s, (lambda: 0.5) if steady else draw.random, register_mw)
    duration_s = 6 * meter.least_window_s
    plan = plan_energy(meter, duration_s, None)
    if steady:
        meter.pause_s = 0.0
    meter.open()
    board.rest(draw.random() * period_s)
    track = Track(board.clock, board.rest, draw.random)
    while track.duration_s < duration_s:
        track.window(board.call, plan.window_s, meter)
    meter.close()
    energy = energy_of(meter, track, batch=1)
    if energy["reason"] is not None:
        raise RuntimeError(energy["reason"])
    read_s = math.fsum(window.reading.duration_s for window in track.windows)
    images = sum(window.calls for window in track.windows)
    truth = 1e3 * images / (MEAN_MW * read_s)  # images per joule
    low, high = energy["images_per_joule_95"]
    return low <= truth * (1 + 1e-9) and truth * (1 - 1e-9) <= high, (high - low) / 2 / truth
