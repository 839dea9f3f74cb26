"""Timing: warm up, time single calls interleaved, and summarize the latencies.

Several calls are never timed one after the other but in short interleaved windows (A B C, C B A, ...): on a machine
whose clock or load drifts, each of them then meets the same conditions, and their ratio holds where the figures do not.
"""

import gc
import math
import random
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from edgesynth.benchmark.power import Meter, Reading

LEAST_ITERATIONS = 10
# Not the module's own generator: whoever has seeded that one counts on it.
_DRAW = random.Random().random
WINDOW_S = 0.25


class Window(NamedTuple):
    """One window of a track.

    Attributes:
        calls: timed calls in it.
        reading: what the meter saw of it.
        cpu_s: processor time of all threads of this process within it.
    """

    calls: int
    reading: Reading
    cpu_s: float = 0.0


class StoppedError(KeyboardInterrupt):
    """Ctrl-C during the timing.

    Attributes:
        tracks: what was seen until then, in whole windows; a track may be empty.
    """

    def __init__(self, tracks: "List[Track]") -> None:
        super().__init__()
        self.tracks = tracks


class Track:
    """What was seen of one call over all its windows.

    Attributes:
        latencies_ms: of every timed call, in the order of time.
        duration_s: wall time of the windows, from the start of the first call to the end of the last.
        windows: in the order of time.

    Args:
        clock: monotonic, in s.
        sleep: rests for so many s.
        draw: uniform in [0, 1).
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Any] = time.sleep,
        draw: Callable[[], float] = _DRAW,
    ) -> None:
        self._clock, self._sleep, self._draw = clock, sleep, draw
        self.latencies_ms: List[float] = []
        self.duration_s = 0.0
        self.windows: List[Window] = []

    def window(
        self, call: Callable[[], Any], duration_s: float, meter: Meter, between: Optional[Callable[[], Any]] = None
    ) -> None:
        """Time calls back to back until the window is over, at least one.

        Args:
            call: what is timed.
            duration_s: length of the window.
            meter: reads the energy of the window.
            between: done before each call and not timed; None for nothing.
        """
        clock = self._clock
        if meter.pause_s:
            self._sleep(meter.pause_s * self._draw())
        settled = clock() + meter.settle_s
        call()  # the one before had another model: caches are filled again outside the window
        while clock() < settled:
            call()
        meter.start()
        cpu_s = time.process_time()
        begin = now = clock()
        latencies_ms: List[float] = []
        while True:
            if between is not None:
                between()
                now = clock()
            before = now
            call()
            now = clock()
            latencies_ms.append((now - before) * 1e3)
            if now - begin >= duration_s:
                break
        cpu_s = time.process_time() - cpu_s
        # Entered at once: of a window that is broken off nothing is kept.
        self.windows.append(Window(len(latencies_ms), meter.stop(), cpu_s))
        self.latencies_ms += latencies_ms
        self.duration_s += now - begin


def time_interleaved(
    calls: Sequence[Callable[[], Any]],
    duration_s: float,
    warm_up_s: float,
    meter: Meter,
    window_s: float = WINDOW_S,
    between: Optional[Callable[[], Any]] = None,
    look: Callable[[], Any] = lambda: None,
) -> List[Track]:
    """Warm every call up, then time them interleaved.

    Args:
        calls: what is timed; none of them takes an argument.
        duration_s: timed seconds for each call; each is timed at least `LEAST_ITERATIONS` times, whatever that takes.
        warm_up_s: seconds for each call before anything is timed.
        meter: reads the energy of each window.
        window_s: length of a window at most.
        between: done before each timed call, within the time of its window but not of the call; None for nothing.
        look: called after the warm-up and after every window, with the load just gone.

    Returns:
        One track for each call, in the same order.

    Raises:
        StoppedError: Ctrl-C; with what was seen.
    """
    tracks = [Track() for _ in calls]
    # Even, so that every call comes as often early in a round as late.
    rounds = 2 * max(2, math.ceil(duration_s / window_s / 2))
    turn = 0
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        for call in calls:
            _warm_up(call, warm_up_s)
        look()
        while turn < rounds or any(len(track.latencies_ms) < LEAST_ITERATIONS for track in tracks):
            due_s = duration_s * min(turn + 1, rounds) / rounds
            order = range(len(calls)) if turn % 2 == 0 else reversed(range(len(calls)))
            for index in order:
                track = tracks[index]
                left_s = due_s - track.duration_s
                # A call longer than a window has run ahead of its share: it waits until the others have caught up.
                if left_s > 0 or (turn >= rounds and len(track.latencies_ms) < LEAST_ITERATIONS):
                    track.window(calls[index], left_s, meter, between)
                    look()
            turn += 1
    except KeyboardInterrupt:
        raise StoppedError(tracks) from None
    finally:
        if was_collecting:
            gc.enable()
    return tracks


def busy_cores(track: Track) -> float:
    """Mean number of cores that this process kept busy during the windows; one that waits in a loop is busy.

    Args:
        track: with a duration above 0.
    """
    return math.fsum(window.cpu_s for window in track.windows) / track.duration_s


def shortest_ms(track: Track) -> float:
    """The shortest of the medians of a track's windows."""
    medians, start = [], 0
    for window in track.windows:
        medians.append(percentile(sorted(track.latencies_ms[start : start + window.calls]), 50))
        start += window.calls
    return min(medians)


def percentile(ascending: Sequence[float], percent: int) -> float:
    """Nearest rank, as trtexec takes it: the slowest (100 - percent) % are left out, and the next one is the answer.

    Args:
        ascending: values, smallest first, at least one.
        percent: 0 to 100, whole, so that the rank is exact.

    Returns:
        One of the values.
    """
    left_out = (100 - percent) * len(ascending) // 100
    return ascending[max(len(ascending) - 1 - left_out, 0)]


def spread(latencies_ms: Sequence[float]) -> Dict[str, float]:
    """Summarize latencies.

    Args:
        latencies_ms: in ms, at least one.

    Returns:
        `p50`, `p90`, `p99`, `mean`, `min`, `std` (of the population) in ms; `cov`, the coefficient of variation
        std / mean (0.025 is 2.5 %); `count`.
    """
    ascending = sorted(latencies_ms)
    count = len(ascending)
    mean = math.fsum(ascending) / count
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in ascending) / count)
    return {
        "p50": percentile(ascending, 50),
        "p90": percentile(ascending, 90),
        "p99": percentile(ascending, 99),
        "mean": mean,
        "min": ascending[0],
        "std": std,
        "cov": std / mean if mean > 0 else 0.0,
        "count": count,
    }


def _warm_up(call: Callable[[], Any], duration_s: float) -> None:
    end = time.perf_counter() + duration_s
    call()
    while time.perf_counter() < end:
        call()
