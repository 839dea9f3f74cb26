"""Evolution as ask and tell: which individuals are bred next, which become parents, and when the run stops.

A generation is one round of ask and tell. With a proxy it is two: all offspring are bred with a short nurture, then the
survivors with the full one. With patience, a generation below the accuracy floor is drawn again. A generation far below
a measured budget is followed by one of the same parents, which comes nearer to it.
"""

from __future__ import annotations

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.landing import overshoots
from edgesynth.evolution.place import Place
from edgesynth.evolution.retries import children
from edgesynth.evolution.selection import ValidationSelection, build_selection
from edgesynth.evolution.selection.domination import counted
from edgesynth.evolution.selection.sorting import sorted_fronts
from edgesynth.lineage import Config, Record, fronts

MORE_MEMORY = "give their workers more memory, or run fewer at a time: --resume breeds them again"


class Evolution:
    """The state of a run: its main line and whether it goes on.

    Args:
        config: generations, offspring, budgets; `min_accuracy` must be resolved.
        ancestor: generation 0, nurtured.
        budgets: of the run; by default those of the configuration, which predict nothing.

    Attributes:
        stopped: the kind of its end, such as `budget`; empty while it goes on.
        reason: why it stopped.
        goes_on: why it does not stop although the last generation meets every budget, or what for where there is
            another objective; empty otherwise.
        overshot: whether a generation was bred again from the same parents, because the one before was far below a
            measured budget.
    """

    def __init__(self, config: Config, ancestor: Record, budgets: Budgets | None = None) -> None:
        assert config.min_accuracy is not None
        self.config = config
        self.floor = config.min_accuracy
        self.budgets = budgets or Budgets(config)
        self.line = [ancestor]
        self.nurtured = [ancestor]
        self.parents: tuple[str, ...] = (ancestor.name,)
        self.attempt = 0
        self.survivors: list[Place] = []
        self.by_validation = ValidationSelection(self.budgets, self.floor)
        self.selection = build_selection(self.budgets, self.floor)
        self.stopped = ""
        self.reason = ""
        self.goes_on = ""
        self.overshot = False
        if self._within_budgets(ancestor):
            self._stop("budget", "the ancestor meets every budget already")

    @property
    def best(self) -> Record | None:
        """The last of the main line that meets the accuracy floor and is not the ancestor.

        Where that one is over a budget and another individual of the run meets them all, it is the most accurate such.
        So it is where a generation overshot: the next is no smaller, but need not be more accurate.
        """
        feasible = [record for record in self.line[1:] if record.feasible]
        if not feasible or not self.budgets.limits or (self._within_budgets(feasible[-1]) and not self.overshot):
            return feasible[-1] if feasible else None
        meeting = [record for record in self.nurtured[1:] if record.feasible and self._within_budgets(record)]
        return self.by_validation.rank(meeting)[0] if meeting else feasible[-1]

    @property
    def fronts(self) -> dict[str, list[str]]:
        """Names of the feasible individuals that none beats in validation and synapses, and in validation and MACs.

        And in validation and latency, where that is measured or predicted.
        """
        return fronts(self.nurtured, {record.name: self.budgets.latency_ms(record) for record in self.nurtured})

    def ask(self) -> list[Place]:
        """The individuals to be bred next, all from the same parents; none when the run has stopped."""
        if self.stopped:
            return []
        generation, proxy = self.line[-1].generation + 1, self.config.proxy_epochs > 0
        return self.survivors or [
            Place(generation, child, self.parents, proxy) for child in children(self.config, self.attempt)
        ]

    def to_measure(self, records: list[Record]) -> list[Record]:
        """Those of a generation that must be measured before `tell`: its feasible front, by everything that is counted.

        An individual outside the front is dominated, whatever the machine measures. After the short nurture of a proxy
        none is measured.
        """
        able = [record for record in records if record.feasible]
        if not able or (self.config.proxy_epochs and not self.survivors):
            return []
        first = sorted_fronts([counted(record, self.floor) for record in able])[0]
        chosen = self.selection.rank(able)[0]
        return [record for index, record in enumerate(able) if index in first or record is chosen]

    def tell(self, records: list[Record]) -> Record | None:
        """Take those that were asked for; the best feasible ones of a full round become the next parents.

        In a resumed run, a survivor may come to the first round with its full nurture already.

        Returns:
            The generation's best; None while the generation is not decided.
        """
        if self.config.proxy_epochs and not self.survivors:
            self._select_survivors(records)
            return None
        self.survivors = []
        self.nurtured += records
        ranked = self.selection.rank(records)
        if not ranked[0].feasible and self.attempt < self.config.patience:
            self.attempt += 1
            return None
        best = ranked[0] if ranked[0].feasible else self._least_infeasible(ranked[0].generation)
        self.line.append(best)
        before, self.goes_on = self.parents, ""
        self.parents = tuple(record.name for record in ranked if record.feasible)[: self.config.parents]
        drawn = f" (drawn {self.attempt + 1} times, each time milder)" if self.attempt else ""
        if all(record.died for record in records):
            lost = all(record.lost for record in records)
            who = "survivors" if self.config.proxy_epochs and not records[0].proxy else "offspring"
            self._stop(
                "death",
                f"all {len(records)} {who} of generation {best.generation} died in their nurture "
                f"({records[0].name}: {records[0].died}); "
                f"{MORE_MEMORY if lost else 'lower --learning-rate'}",
            )
        elif not best.feasible:
            self._stop(
                "accuracy",
                f"{best.name}, the best of its generation{drawn}, has {best.validation:.2f} %, "
                f"below the floor of {self.floor:.2f} %",
            )
        else:
            self._judge(best, before)
        self.attempt = 0
        return best

    def _judge(self, best: Record, before: tuple[str, ...]) -> None:
        """Stop, or say why not, after a generation whose best is feasible.

        Args:
            best: of the generation.
            before: names of its parents.
        """
        if self._within_budgets(best) and best.generation < self.config.generations and self._lands_later(best):
            self.parents, self.overshot = before, True
        elif self._within_budgets(best) and self._is_grown(best):
            final = self.best or best
            self._stop("budget", f"{final.name} meets every budget: {self._amounts(final)}")
        elif best.generation >= self.config.generations:
            final = self.best or best
            met = not self.budgets.limits or self._within_budgets(final)
            unmet = "" if met else f"; not every budget is met: {self._amounts(final)}"
            self._stop("generations", f"all {self.config.generations} generations are bred{unmet}")
        elif self._within_budgets(best):
            self.goes_on = (
                f"{best.name} meets every budget: {self._amounts(best)}. It was trained for {best.nurture['epochs']} "
                f"epochs; generation {best.generation + 1} is as small and gets --final-epochs, "
                f"{self.config.final_epochs}"
            )

    def _select_survivors(self, records: list[Record]) -> None:
        """Those with the best validation after the short nurture, in the order of their numbers."""
        ranked = sorted(self.by_validation.rank(records), key=lambda record: record.proxy)
        survivors = sorted(ranked[: self.config.survivors], key=lambda record: record.child)
        self.survivors = [Place(record.generation, record.child, record.parents) for record in survivors]

    def _least_infeasible(self, generation: int) -> Record:
        """The best of all attempts of a generation that failed."""
        return self.selection.rank([record for record in self.nurtured if record.generation == generation])[0]

    def _lands_later(self, best: Record) -> bool:
        """Whether a generation that meets every budget overshot, and its parents are to come nearer; says so.

        It is tried once in a run.
        """
        if self.overshot or not overshoots(best, self.budgets):
            return False
        self.goes_on = (
            f"{best.name} is far below the budget and than was predicted: {self._amounts(best)}. Generation "
            f"{best.generation + 1} is drawn from its parents again ({', '.join(best.parents)}), by the corrected "
            "prediction"
        )
        return True

    def _within_budgets(self, record: Record) -> bool:
        return self.budgets.accepts(record)

    def _is_grown(self, record: Record) -> bool:
        """Whether it had the last nurture, or one that is the same.

        Where it did not, the next generation, which is as small, gets that.
        """
        config = self.config
        alike = config.final_epochs == config.epochs and config.stress == "none" and config.precision_at == "start"
        same_start = config.final_inheritance in (None, config.inheritance)
        return (alike and same_start) or bool(record.nurture.get("grown", True))

    def _amounts(self, record: Record) -> str:
        return self.budgets.words(record)

    def _stop(self, kind: str, reason: str) -> None:
        self.stopped, self.reason = kind, reason
