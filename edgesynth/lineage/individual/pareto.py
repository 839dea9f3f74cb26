"""The Pareto front: individuals that none other beats in cost and accuracy at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from edgesynth.lineage.individual.individual import Record

COSTS = ("synapses", "macs")
LATENCY = "latency_ms"


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Find the points that no other dominates.

    A point dominates another if it costs no more, is no less accurate, and is better in at least one of the two.

    Args:
        points: (cost, accuracy) of each; lower cost and higher accuracy are better. Points that are not
            finite are left out.

    Returns:
        Indices into `points`, cheapest first, so that accuracy rises strictly along them; of equal points the first.
    """
    finite = [index for index, point in enumerate(points) if all(map(math.isfinite, point))]
    front: list[int] = []
    for index in sorted(finite, key=lambda index: (points[index][0], -points[index][1])):
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front


def fronts(records: Iterable[Record], latencies_ms: Mapping[str, float] | None = None) -> dict[str, list[str]]:
    """Names on the front of validation against each of `COSTS`, cheapest first, and against latency if one is known.

    The ancestor may be among them; who misses the floor, or had a proxy's short nurture only, may not.

    Args:
        records: all individuals.
        latencies_ms: {individual: ms}, not finite or absent where it is not known.
    """
    able = [record for record in records if record.feasible and not record.proxy]

    def front(costs: list[float]) -> list[str]:
        pairs = zip(costs, able, strict=True)
        return [able[index].name for index in pareto_front([(cost, record.validation) for cost, record in pairs])]

    named = {cost: front([getattr(record.census, cost) for record in able]) for cost in COSTS}
    latencies = [(latencies_ms or {}).get(record.name, math.inf) for record in able]
    return {**named, LATENCY: front(latencies)} if any(map(math.isfinite, latencies)) else named
