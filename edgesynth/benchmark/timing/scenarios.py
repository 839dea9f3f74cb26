"""Scenarios: how images arrive at an engine, and the figure that counts.

Single-stream and offline are after MLPerf Inference (rules of the edge category): the next image comes when the one
before it is done, and the 90th percentile counts; or all images are there at once, and throughput counts. What differs
from MLPerf: the duration is what was asked for (MLPerf: at least 600 s), windows alternate where several precisions
are measured, and the images are those of the bundle.
"""

import math
from typing import Any, Dict, Optional, Sequence, Tuple

from edgesynth.benchmark.timing.timing import Track, percentile
from edgesynth.errors import UserError

_SHARE = 0.9
_DOUBT = 0.01


class Plain:
    """Every batch that was asked for, with the figures of every run alone."""

    name = "plain"

    def batches(self, asked: Sequence[int]) -> Tuple[int, ...]:
        """The batches to measure."""
        return tuple(asked)

    def figures(self, track: Track, batch: int) -> Optional[Dict[str, Any]]:
        """The scenario's own figures; None here."""
        return None

    def line(self, figures: Dict[str, Any]) -> str:
        """The figures in words."""
        return ""


class SingleStream(Plain):
    """One image at a time; the 90th percentile of the latency counts."""

    name = "single-stream"

    def batches(self, asked: Sequence[int]) -> Tuple[int, ...]:
        """One image.

        Raises:
            UserError: another batch was asked for.
        """
        if tuple(asked) != (1,):
            raise UserError(
                "--scenario single-stream measures one image at a time and the batch is {}; use --batch 1, or "
                "--scenario offline".format(",".join(map(str, asked)))
            )
        return (1,)

    def figures(self, track: Track, batch: int) -> Dict[str, Any]:
        """The percentile, and what it is at most with 99 % confidence; None of too few queries."""
        ascending = sorted(track.latencies_ms)
        rank = rank_of_bound(len(ascending))
        return {
            "name": self.name,
            "p90_ms": percentile(ascending, 90),
            "p90_at_most_ms": None if rank is None else ascending[rank - 1],
            "queries": len(ascending),
            "duration_s": track.duration_s,
        }

    def line(self, figures: Dict[str, Any]) -> str:
        """The figures in words."""
        bound = figures["p90_at_most_ms"]
        sure = "too few for a bound" if bound is None else "at most {:.3f} ms with 99 % confidence".format(bound)
        return "p90 {p90_ms:.3f} ms ({sure}), {queries} images one at a time in {duration_s:.1f} s".format(
            sure=sure, **figures
        )


class Offline(Plain):
    """All images at once, in the largest batch; throughput counts."""

    name = "offline"

    def batches(self, asked: Sequence[int]) -> Tuple[int, ...]:
        """The largest."""
        return (max(asked),)

    def figures(self, track: Track, batch: int) -> Dict[str, Any]:
        """Images per second over the wall time."""
        images = len(track.latencies_ms) * batch
        return {
            "name": self.name,
            "images_per_s": images / track.duration_s,
            "images": images,
            "batch": batch,
            "duration_s": track.duration_s,
        }

    def line(self, figures: Dict[str, Any]) -> str:
        """The figures in words."""
        return "{images_per_s:.1f} images/s, {images} images in {duration_s:.1f} s".format(**figures)


SCENARIOS: Dict[str, Plain] = {scenario.name: scenario for scenario in (Plain(), SingleStream(), Offline())}


def find(name: str) -> Plain:
    """The scenario of a name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in SCENARIOS:
        raise UserError("there is no scenario {!r}; choose from: {}".format(name, ", ".join(SCENARIOS)))
    return SCENARIOS[name]


def rank_of_bound(count: int) -> Optional[int]:
    """Rank of the latency that the true 90th percentile does not exceed, with 99 % confidence.

    The number of queries below the true percentile is binomial: the rank is the smallest that this number reaches with
    a chance of 1 % at most.

    Args:
        count: queries, at least 1.

    Returns:
        From 1 for the shortest latency; None where even the longest is no such bound.
    """
    chance, rank = 0.0, count + 1
    while rank > 1:
        below = rank - 1
        chance += math.exp(
            math.lgamma(count + 1)
            - math.lgamma(below + 1)
            - math.lgamma(count - below + 1)
            + below * math.log(_SHARE)
            + (count - below) * math.log(1 - _SHARE)
        )
        if chance > _DOUBT:
            break
        rank = below
    return rank if rank <= count else None
