"""Evolution as ask and tell: who is to be bred next, who is the next parent, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass

from edgesynth.lineage import Config, Record


@dataclass(frozen=True)
class Place:
    """An individual to be bred: child number `child` of `parent`, in a generation."""

    generation: int
    child: int
    parent: str


class Evolution:
    """The state of a run: its main line and whether it goes on.

    Args:
        config: generations, offspring, budgets; `min_accuracy` must be resolved.
        ancestor: generation 0, nurtured.
    """

    def __init__(self, config: Config, ancestor: Record) -> None:
        assert config.min_accuracy is not None
        self.config = config
        self.floor = config.min_accuracy
        self.line = [ancestor]
        self.stopped = ""
        self.reason = ""
        if self._within_budgets(ancestor):
            self._stop("budget", "the ancestor meets every budget already")

    @property
    def best(self) -> Record | None:
        """The last of the main line that meets the accuracy floor and is not the ancestor."""
        feasible = [record for record in self.line[1:] if record.feasible]
        return feasible[-1] if feasible else None

    def ask(self) -> list[Place]:
        """The individuals of the next generation; none when the run has stopped."""
        if self.stopped:
            return []
        parent = self.line[-1]
        return [Place(parent.generation + 1, child, parent.name) for child in range(self.config.offspring)]

    def tell(self, records: list[Record]) -> Record:
        """Take a bred generation; its best by validation becomes the next parent.

        Returns:
            The best.
        """
        best = max(
            records, key=lambda record: (record.feasible, record.validation, -record.census.synapses, -record.child)
        )
        self.line.append(best)
        if all(record.died for record in records):
            self._stop(
                "death",
                f"all {len(records)} offspring of generation {best.generation} died in their nurture "
                f"({records[0].name}: {records[0].died}); lower --learning-rate",
            )
        elif not best.feasible:
            self._stop(
                "accuracy",
                f"{best.name}, the best of its generation, has {best.validation:.2f} %, "
                f"below the floor of {self.floor:.2f} %",
            )
        elif self.config.budgets and self._within_budgets(best):
            self._stop("budget", f"{best.name} meets every budget: {self._budgets(best)}")
        elif best.generation >= self.config.generations:
            unmet = f"; not every budget is met: {self._budgets(best)}" if self.config.budgets else ""
            self._stop("generations", f"all {self.config.generations} generations are bred{unmet}")
        return best

    def _within_budgets(self, record: Record) -> bool:
        budgets = self.config.budgets
        return bool(budgets) and all(getattr(record.census, name) <= most for name, most in budgets.items())

    def _budgets(self, record: Record) -> str:
        return ", ".join(
            f"{getattr(record.census, name):,} {name} of {most:,}" for name, most in self.config.budgets.items()
        )

    def _stop(self, kind: str, reason: str) -> None:
        self.stopped, self.reason = kind, reason
