"""`--objective latency`: the fastest network that keeps the floor of accuracy.

Each generation is drawn to be faster than its parents by a step. The run ends when a generation is below the floor, or
no longer gets any smaller, and the fastest individual above the floor is its best.
"""

from __future__ import annotations

import math

from edgesynth.evolution.evolution import Evolution
from edgesynth.lineage import Record


class FastestEvolution(Evolution):
    """Generations get faster as long as the floor holds; budgets of the run hold besides.

    Args: see `Evolution`.
    """

    @property
    def best(self) -> Record | None:
        """The fastest individual that meets the floor; one that meets every budget is before any that does not."""
        able = [record for record in self.nurtured[1:] if record.feasible]
        return min(able, key=self._order, default=None)

    def to_measure(self, records: list[Record]) -> list[Record]:
        """All feasible ones of a full round: one that has more of everything that is counted may still be faster."""
        undecided = self.config.proxy_epochs and not self.survivors
        return [] if undecided else [record for record in records if record.feasible]

    def tell(self, records: list[Record]) -> Record | None:
        """See `Evolution.tell`; the reason of an end names the fastest."""
        told = super().tell(records)
        if self.stopped and self.best is not None:
            self.reason += f"; the fastest that keeps the floor is {self._words(self.best)}"
        return told

    def _judge(self, best: Record, before: tuple[str, ...]) -> None:
        parent = next(record for record in self.nurtured if record.name == best.parents[0])
        if best.generation >= self.config.generations:
            self._stop("generations", f"all {self.config.generations} generations are bred")
        elif best.census == parent.census:
            self._stop("latency", f"nothing of {parent.name} can be cut to make it faster")
        else:
            self.goes_on = (
                f"{self._words(best)}; it keeps the floor, so generation {best.generation + 1} is to be faster"
            )

    def _order(self, record: Record) -> tuple[bool, float, float, str]:
        over = bool(self.budgets.limits) and not self._within_budgets(record)
        return over, self.budgets.latency_ms(record), -record.validation, record.name

    def _words(self, record: Record) -> str:
        """Its latency beside the ancestor's, and its accuracy."""
        own, first = self.budgets.latency_ms(record), self.budgets.latency_ms(self.line[0])
        how = "measured" if self.budgets.machine.is_measured else "predicted"
        unmet = "" if not self.budgets.limits or self._within_budgets(record) else "; not every budget is met"
        if not math.isfinite(own):
            return f"{record.name}, not measured"
        ratio = f" ({first / own:.2f}x the ancestor's speed)" if math.isfinite(first) else ""
        return f"{record.name}, {how} {own:.3g} ms{ratio} at {record.validation:.2f} %{unmet}"
