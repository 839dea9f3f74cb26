"""Which network the next cycle inherits from, and when generative synthesis stops."""

from __future__ import annotations

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.evolution import Evolution
from edgesynth.evolution.generative.netscore import netscore_of
from edgesynth.evolution.place import Place
from edgesynth.lineage import Config, Record

MOST_STALE_CYCLES = 3


class GenerativeEvolution(Evolution):
    """One individual a cycle; the newest feasible one is inherited from.

    An individual below the floor is kept in the run and its cycle teaches generator and inquisitor, but the next cycle
    inherits from the one before it.

    Args:
        config: generations (cycles) and budgets; `min_accuracy` must be resolved.
        ancestor: generation 0, nurtured.
        budgets: see `Evolution`.
    """

    def __init__(self, config: Config, ancestor: Record, budgets: Budgets | None = None) -> None:
        super().__init__(config, ancestor, budgets)
        self.cycle = 0
        self.stale = 0

    @property
    def best(self) -> Record | None:
        """The feasible individual with the highest U; one that meets every budget is above any that does not."""
        feasible = [record for record in self.line[1:] if record.feasible]
        return max(feasible, key=lambda record: (self._within_budgets(record), _score(record)), default=None)

    def ask(self) -> list[Place]:
        """The next cycle's individual; none when the run has stopped."""
        return [] if self.stopped else [Place(self.cycle + 1, 0, (self.line[-1].name,))]

    def tell(self, records: list[Record]) -> Record:
        """Take a cycle's individual.

        Returns:
            The same.
        """
        (record,) = records
        self.nurtured.append(record)
        before = self.best
        self.cycle = record.generation
        if record.feasible:
            self.line.append(record)
        better = record.feasible and (before is None or _score(record) > _score(before))
        self.stale = 0 if better else self.stale + 1
        if record.feasible and self._within_budgets(record):
            self._stop("budget", f"{record.name} meets every budget: {self._amounts(record)}")
        elif self.cycle >= self.config.generations:
            shown = self._amounts(self.best or self.line[-1])
            unmet = f"; not every budget is met: {shown}" if self.budgets.limits else ""
            self._stop("generations", f"all {self.config.generations} cycles are done{unmet}")
        elif self.stale >= MOST_STALE_CYCLES:
            reached = f"the best, {self.best.name}, has {_score(self.best):.2f} dB" if self.best else "none is feasible"
            self._stop("performance", f"NetScore has not risen for {MOST_STALE_CYCLES} cycles: {reached}")
        return record


def _score(record: Record) -> float:
    return netscore_of(record.validation, record.census)
