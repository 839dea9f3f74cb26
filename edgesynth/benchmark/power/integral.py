"""Energy of a window from samples of a sensor."""

from typing import List, Sequence, Tuple

Point = Tuple[float, float]


def trapezoid(points: Sequence[Point], begin_s: float, end_s: float) -> float:
    """Integral of a power over a window, by straight lines from sample to sample.

    Args:
        points: (time in s, power in mW), in the order of time, at least one. The window's ends are interpolated between
            their neighbors; beyond the first and the last sample the power is taken as theirs.
        begin_s: start of the window.
        end_s: its end.

    Returns:
        Energy in mJ.
    """
    inside = [point for point in points if begin_s < point[0] < end_s]
    path = [(begin_s, _at(points, begin_s))] + inside + [(end_s, _at(points, end_s))]
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(path, path[1:]))


def sampled(points: Sequence[Point], begin_s: float, end_s: float) -> float:
    """Energy of a window from samples at random moments of equal cells of time (`sampling`).

    Each sample stands for one cell, so the mean power is their mean. A line across an end of the window would lead
    from the work before it, or the rest after it, to that within: as the ends are always between two calls, it would
    be wrong by the same in each window.

    Args:
        points: (time in s, power in mW), at least one within the window.
        begin_s: start of the window.
        end_s: its end.

    Returns:
        Energy in mJ.
    """
    inside = [power for moment, power in points if begin_s <= moment <= end_s]
    return sum(inside) / len(inside) * (end_s - begin_s)


def ticks_of(points: Sequence[Point], begin_s: float, end_s: float) -> List[Point]:
    """Moments within a window at which a counter had a new value; it is read more often than it moves."""
    moved = [b for a, b in zip(points, points[1:]) if a[1] != b[1]]
    return [point for point in moved if begin_s <= point[0] <= end_s]


def counted(ticks: Sequence[Point], begin_s: float, end_s: float) -> float:
    """Energy of a window from a counter that moves in steps, under a steady load.

    The steps do not fall on the window's ends: between two of its steps the counter is exact, and their mean power is
    that of the window.

    Args:
        ticks: from `ticks_of`, (time in s, counter in mJ), at least two.
        begin_s: start of the window.
        end_s: its end.

    Returns:
        Energy in mJ.
    """
    (first_s, first_mj), (last_s, last_mj) = ticks[0], ticks[-1]
    return (last_mj - first_mj) / (last_s - first_s) * (end_s - begin_s)


def _at(points: Sequence[Point], moment_s: float) -> float:
    before = [point for point in points if point[0] <= moment_s]
    after = [point for point in points if point[0] > moment_s]
    if not before:
        return after[0][1]
    if not after:
        return before[-1][1]
    (a_s, a), (b_s, b) = before[-1], after[0]
    return a + (b - a) * (moment_s - a_s) / (b_s - a_s)
