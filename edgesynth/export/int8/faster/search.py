"""Search for the fastest choice of units in INT8, by speed-ups of the whole network.

How long a layer takes in INT8 depends on its neighbors: between a layer in INT8 and one in floating point, values are
converted, and ONNX Runtime changes their layout. So no layer is timed alone. Runs of neighboring units are switched
together, first halves of the network, then quarters, and so on, and what makes the whole network faster is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Choice = frozenset[int]  # the units in INT8, by their places
# Of a network with these units in INT8: how many times as fast others are, timed by turns.
SpeedUps = Callable[[Choice, Sequence[Choice]], list[float]]

NOTHING: Choice = frozenset()
MARGIN = 0.01  # a gain below it may be the noise of the clock
MOST_RUNS = 16  # switching less of the network at a time makes less of a difference than noise does


def fastest_choice(count: int, speed_ups: SpeedUps, affords: Callable[[int], bool] = lambda networks: True) -> Choice:
    """The choice of units that makes the network fastest.

    Args:
        count: number of units, in the order of the network.
        speed_ups: the clock.
        affords: whether there is time left for so many more networks; where there is none, the best so far is taken.
    """
    best = everything = frozenset(range(count))
    if not gains(speed_ups(NOTHING, [everything])[0]):
        best = NOTHING
    for runs in _levels(count):
        if not affords(len(runs)):
            break
        best = _with_better_runs(best, runs, speed_ups)
    return best


def gains(speed_up: float) -> bool:
    """Whether a speed-up is more than noise."""
    return speed_up >= 1 + MARGIN


def _levels(count: int) -> Iterator[list[Choice]]:
    """The units in ever shorter runs of neighbors: halves, quarters, ... down to single ones or `MOST_RUNS` runs."""
    runs: list[Sequence[int]] = [range(count)]
    while 2 * len(runs) <= MOST_RUNS and any(len(run) > 1 for run in runs):
        halves = [half for run in runs for half in (run[: (len(run) + 1) // 2], run[(len(run) + 1) // 2 :])]
        runs = [half for half in halves if half]
        yield [frozenset(run) for run in runs]


def _with_better_runs(best: Choice, runs: Sequence[Choice], speed_ups: SpeedUps) -> Choice:
    """The choice with the runs switched that make it faster.

    A run is all INT8 or all floating point, because it is half of one that was. Each is tried alone, then those that
    helped are tried together, which may cost as many conversions less or more; the faster way is taken.
    """
    switched = [best ^ run for run in runs]
    gained = dict(zip(switched, speed_ups(best, switched), strict=True))
    helpful = sorted((choice for choice in switched if gains(gained[choice])), key=lambda choice: -gained[choice])
    if not helpful:
        return best
    together = best
    for choice in helpful:
        together ^= best ^ choice
    finalists = list(dict.fromkeys((together, helpful[0])))
    verified = dict(zip(finalists, speed_ups(best, finalists), strict=True))
    winner = max(finalists, key=lambda choice: verified[choice])
    return winner if gains(verified[winner]) else best
